// hello_cpp PORT CERT KEY: greets each client, then sends back what it says.
#include <iostream>
#include <string>
#include <tlspair.hpp>

int main(int argc, char **argv) try {
    if (argc != 4) return 2;
    tlspair::loop loop;
    tlspair::context context;
    context.set_identity_file(argv[2], argv[3]);
    tlspair::server server(loop, context);
    server.on_secure_connection([](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.write("hello\n");
        stream.pipe(stream);
    });
    server.listen(std::stoi(argv[1]), "127.0.0.1");
    std::cout << "listening on port " << server.port() << std::endl;
    loop.run();
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
