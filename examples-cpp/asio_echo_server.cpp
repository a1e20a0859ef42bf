// TLS on plain Asio sockets: a secure pair knows nothing of sockets, so Asio's do the I/O. Sends every
// client its own bytes back.
//
//   asio_echo_server PORT CERT KEY
//
// The same works on any transport that Asio has, or has not: what matters is in `session`.
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <asio.hpp>
#include <tlspair.hpp>

namespace {

// One connection. It reads, lets the pair work, sends all that came of it, and reads again: so a client
// that does not read its answers is not read from either, and memory is bounded.
class session : public std::enable_shared_from_this<session> {
public:
    session(asio::ip::tcp::socket socket, const tlspair::context &context)
        : socket_(std::move(socket)), pair_(context, /* is_server */ true) {
        // The pair is ours, so `this` lives as long as its callbacks.
        pair_.on_encrypted([this](tlspair::secure_pair_ref, tlspair::bytes data) {
            to_send_.insert(to_send_.end(), data.begin(), data.end());
        });
        pair_.on_data([](tlspair::secure_pair_ref pair, tlspair::bytes data) { pair.write(data); });
        pair_.on_end([](tlspair::secure_pair_ref pair, bool) { pair.end(); });
        pair_.on_error([](tlspair::secure_pair_ref, tlspair::error_ref error) {
            std::cerr << error.name() << ": " << error.message() << std::endl;
        });
        pair_.on_close([this](tlspair::secure_pair_ref, bool) { closed_ = true; });
    }

    void receive() {
        const auto self = shared_from_this();
        socket_.async_read_some(asio::buffer(received_), [self](asio::error_code error, std::size_t length) {
            // What fails here has been told by on_error, and an alert for the client may wait to be sent.
            std::error_code failed;
            if (error) {
                self->pair_.feed_eof(failed);
            } else {
                self->pair_.feed({self->received_.data(), length}, failed);
            }
            self->send();
        });
    }

private:
    void send() {
        const auto self = shared_from_this();
        asio::async_write(socket_, asio::buffer(to_send_), [self](asio::error_code error, std::size_t) {
            self->to_send_.clear();
            if (!error && !self->closed_) self->receive();
        });
    }

    asio::ip::tcp::socket socket_;
    tlspair::secure_pair pair_;
    std::array<std::uint8_t, 16 * 1024> received_;
    std::vector<std::uint8_t> to_send_;
    bool closed_ = false;
};

void accept(asio::ip::tcp::acceptor &acceptor, const tlspair::context &context) {
    acceptor.async_accept([&](asio::error_code error, asio::ip::tcp::socket socket) {
        if (!error) std::make_shared<session>(std::move(socket), context)->receive();
        accept(acceptor, context);
    });
}

} // namespace

int main(int argc, char **argv) try {
    if (argc != 4) throw std::runtime_error("usage: asio_echo_server PORT CERT KEY");
    tlspair::context context;
    context.set_identity_file(argv[2], argv[3]);
    asio::io_context io;
    const auto port = static_cast<unsigned short>(std::stoi(argv[1]));
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
    std::cout << "listening on 127.0.0.1 port " << acceptor.local_endpoint().port() << std::endl;
    accept(acceptor, context);
    io.run();
} catch (const std::exception &error) {
    std::cerr << "asio_echo_server: " << error.what() << '\n';
    return 1;
}
