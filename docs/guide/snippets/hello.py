"""hello.py CERT KEY CA: a server and a client on one loop."""

import sys

import tlspair

cert, key, ca = sys.argv[1:]
with tlspair.Loop() as loop:
    context = tlspair.Context()
    context.set_identity_file(cert, key)
    server = tlspair.Server(loop, context)

    @server.on_secure_connection
    def greet(server, stream):
        stream.write(b"hello\n")
        stream.end()
        server.close()

    server.listen(0, "127.0.0.1")

    trusting = tlspair.Context()
    trusting.add_ca_file(ca)
    client = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(trusting, "localhost"))
    client.on_data(lambda stream, data: print(data.decode(), end=""))
    loop.run()
