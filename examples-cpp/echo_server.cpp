// A TLS server in 15 lines: greets everybody, then sends back what it receives.
//
//   echo_server PORT CERT KEY
//
// PORT 0 is any that is free. A client: openssl s_client -quiet -connect 127.0.0.1:PORT
#include <iostream>
#include <string>
#include <tlspair.hpp>

int main(int argc, char **argv) try {
    if (argc != 4) throw std::runtime_error("usage: echo_server PORT CERT KEY");
    tlspair::loop loop;
    tlspair::context context;
    context.set_identity_file(argv[2], argv[3]);
    tlspair::server server(loop, context);
    server.on_secure_connection([](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.write("welcome!\n");
        stream.pipe(stream);
    });
    server.listen(std::stoi(argv[1]), "127.0.0.1");
    std::cout << "listening on " << server.address() << " port " << server.port() << std::endl;
    loop.run();
} catch (const std::exception &error) {
    std::cerr << "echo_server: " << error.what() << '\n';
    return 1;
}
