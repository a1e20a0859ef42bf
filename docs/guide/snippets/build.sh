cc -o hello_server hello_server.c $(pkg-config --cflags --libs tlspair)
cc -o hello_client hello_client.c $(pkg-config --cflags --libs tlspair)
