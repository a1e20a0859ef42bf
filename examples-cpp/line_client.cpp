// A TLS client: sends its input line by line, and prints the lines that come back.
//
//   line_client HOST PORT CA
//
// CA (PEM) is the only root that is trusted; the server's certificate must carry HOST's name. An
// exception that leaves a callback comes out of loop.run(), where it can be caught as always.
#include <iostream>
#include <string>
#include <tlspair.hpp>

int main(int argc, char **argv) try {
    if (argc != 4) throw std::runtime_error("usage: line_client HOST PORT CA");
    tlspair::loop loop;
    tlspair::context context;
    context.add_ca_file(argv[3]);
    tlspair::connect_options options;
    options.set_context(context);

    const int port = std::stoi(argv[2]);
    tlspair::stream server = tlspair::connect(loop, port, argv[1], options, [](tlspair::stream_ref stream) {
        std::cerr << stream.protocol() << ", " << stream.cipher_name() << std::endl;
        std::string line;
        while (std::getline(std::cin, line)) stream.write(line + '\n');
        stream.end();
    });
    // Text comes in whole characters, wherever the records were cut.
    server.on_text([](tlspair::stream_ref, std::string_view text) { std::cout << text << std::flush; });
    server.on_end([](tlspair::stream_ref, bool clean) {
        if (!clean) throw std::runtime_error("the answer was cut off");
    });
    server.on_error([](tlspair::stream_ref, tlspair::error_ref error) { throw tlspair::error(error); });
    loop.run();
} catch (const std::exception &error) {
    std::cerr << "line_client: " << error.what() << '\n';
    return 1;
}
