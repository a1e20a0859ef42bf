// What the C++ tests share, beside the harness and the certificates of the C tests.
#ifndef TLSPAIR_TESTS_SUPPORT_HPP
#define TLSPAIR_TESTS_SUPPORT_HPP

#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <tlspair.hpp>

#include "../c/check.h"
#include "../c/support.h"

// Failures are failed checks, also those that are thrown out of a test.
template <void (*Test)()>
void guarded() {
    try {
        Test();
    } catch (const std::exception &error) {
        check_text(error.what(), "", "an exception that left the test", __FILE__, __LINE__);
    }
}
#define RUN_TEST(test) check_run(#test, guarded<test>)

inline bool check_view(std::string_view actual, std::string_view expected, const char *text, const char *file,
                       int line) {
    return check_text(std::string(actual).c_str(), std::string(expected).c_str(), text, file, line);
}
#define CHECK_VIEW(actual, expected) check_view((actual), (expected), #actual, __FILE__, __LINE__)

// The call throws this type; what it threw is `caught` in what follows.
#define CHECK_THROWS(type, call) CHECK_THROWN(type, call, )
#define CHECK_THROWN(type, call, ...) \
    do { \
        bool thrown_ = false; \
        try { \
            call; \
        } catch (const type &caught) { \
            thrown_ = true; \
            static_cast<void>(caught); \
            __VA_ARGS__; \
        } \
        check_that(thrown_, #call " throws " #type, __FILE__, __LINE__); \
    } while (0)

// Turns the loop until the condition holds.
template <class Condition>
void run_until(tlspair::loop_ref loop, Condition condition) {
    const int64_t deadline = now_ms() + int64_t(10000) * patience();
    while (!condition() && now_ms() < deadline) {
        loop.run_once(std::chrono::milliseconds(10));
    }
    CHECK(condition());
}

// A file of the test's certificates.
inline std::string read_file_text(const char *name) {
    std::size_t length = 0;
    const std::unique_ptr<char, void (*)(void *)> content(read_file(certificate_path(name), &length), std::free);
    return std::string(content.get(), length);
}

// Who a server is, and who trusts it.
inline tlspair::context server_side() {
    tlspair::context context;
    context.set_identity_file(certificate_path("server-cert.pem"), certificate_path("server-key.pem"));
    context.add_ca_file(certificate_path("ca.pem"));
    return context;
}
inline tlspair::context client_side() {
    tlspair::context context;
    context.add_ca_file(certificate_path("ca.pem"));
    return context;
}

// A loop with a server that listens, and what its clients need.
struct house {
    tlspair::loop loop;
    tlspair::server server;
    tlspair::connect_options options;

    explicit house(tlspair::context servers = server_side(), tlspair::context clients = client_side())
        : server(loop, servers) {
        options.set_context(clients);
        options.set_servername("localhost");
    }
    void listen() { server.listen(0, "127.0.0.1"); }
    tlspair::stream connect() { return tlspair::connect(loop, server.port(), "127.0.0.1", options); }
};

// Two pairs, client and server, whose encrypted bytes are taken and fed here.
struct couple {
    tlspair::secure_pair client, server;

    explicit couple(const tlspair::context &servers = server_side(), const tlspair::context &clients = client_side())
        : client(clients, false), server(servers, true) {
        client.set_servername("localhost");
    }
    // What one has for the other; whether there was anything.
    static bool move(tlspair::secure_pair_ref from, tlspair::secure_pair_ref to) {
        char room[4096];
        bool moved = false;
        while (const std::size_t length = from.take(room)) {
            moved = true;
            to.feed({room, length});
        }
        return moved;
    }
    void shuttle() {
        client.start();
        bool moved = true;
        while (moved) {
            moved = move(client, server);
            moved = move(server, client) || moved;
        }
    }
};

// Counts how many of its copies live.
struct counted {
    explicit counted(int *living) : living_(living) { ++*living_; }
    counted(const counted &other) : living_(other.living_) { ++*living_; }
    counted(counted &&other) noexcept : living_(other.living_) { ++*living_; }
    counted &operator=(const counted &) = delete;
    ~counted() { --*living_; }

private:
    int *living_;
};

#endif
