// What handshake.c does, with <tlspair.hpp>: handshake CERT KEY CA
#include <iostream>
#include <string>
#include <tlspair.hpp>

int main(int argc, char **argv) try {
    if (argc != 4) return 2;
    const std::string line = "hello over TLS\n";
    std::string answer;
    bool ended = false;
    tlspair::loop loop;
    tlspair::context ours, theirs;
    ours.set_identity_file(argv[1], argv[2]);
    theirs.add_ca_file(argv[3]);
    tlspair::connect_options options;
    options.set_context(theirs);
    options.set_servername("localhost");

    tlspair::server server(loop, ours);
    server.on_secure_connection([](tlspair::server_ref, tlspair::stream_ref stream) { stream.pipe(stream); });
    server.listen(0, "127.0.0.1");
    const int port = server.port();
    tlspair::stream client = tlspair::connect(loop, port, "127.0.0.1", options, [&](tlspair::stream_ref stream) {
        std::cout << "tlspair " << tlspair::version() << ", " << tlspair::openssl_version() << ": "
                  << stream.protocol() << '\n';
        stream.write(line);
        stream.end();
    });
    client.on_data([&](tlspair::stream_ref, tlspair::bytes data) { answer += data.text(); });
    client.on_end([&](tlspair::stream_ref, bool clean) { ended = clean; });
    client.on_error([](tlspair::stream_ref, tlspair::error_ref error) { throw tlspair::error(error); });
    client.on_close([&](tlspair::stream_ref, bool) { server.close(); }); // and with it the loop has nothing left
    loop.run();
    if (!ended || answer != line) throw std::runtime_error("the line did not come back");
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
