// Secure pairs: callables, exceptions out of the pair's calls, decisions from other threads, and what
// becomes of the pair meanwhile.
#include "support.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

struct mine : std::runtime_error {
    using std::runtime_error::runtime_error;
};

static std::string read_all(tlspair::secure_pair_ref pair) {
    std::string all;
    char room[64];
    while (const std::size_t length = pair.read(room)) {
        all.append(room, length);
    }
    return all;
}

static void p5_pairs_by_taking_and_reading() {
    int secures = 0;
    couple both;
    both.client.on_secure([&](tlspair::secure_pair_ref pair) { secures += pair == both.client ? 1 : 100; });
    both.server.on_secure([&](tlspair::secure_pair_ref) { secures++; });
    both.shuttle();
    CHECK_EQUAL(secures, 2);
    CHECK(both.client.secure() && both.client.authorized() && both.client.protocol() == "TLSv1.3");
    CHECK_VIEW(both.server.servername(), "localhost");
    CHECK(!both.client.cipher_name().empty() && !both.client.cipher_standard_name().empty());
    CHECK(!both.client.peer_certificate().der().empty() && !both.server.peer_certificate());
    CHECK(both.client.write("hello"));
    both.shuttle();
    CHECK_VIEW(read_all(both.server), "hello");
    // They can be moved while they are in use.
    const tlspair::secure_pair moved = std::move(both.server);
    both.server = tlspair::secure_pair();
    moved.write(std::string(100, 'x'));
    CHECK(couple::move(moved, both.client));
    CHECK_EQUAL(read_all(both.client).size(), 100);
    bool closed = false;
    moved.on_close([&](tlspair::secure_pair_ref, bool had_error) { closed = !had_error; });
    both.client.end();
    couple::move(both.client, moved);
    moved.end();
    CHECK(closed);
}

static void p5_two_pairs_wired_to_each_other() {
    std::string heard;
    int living = 0;
    couple both;
    {
        const auto wire = [&](tlspair::secure_pair_ref to) {
            return [to, c = counted(&living)](tlspair::secure_pair_ref, tlspair::bytes data) {
                std::error_code ignored;
                to.feed(data, ignored);
            };
        };
        both.client.on_encrypted(wire(both.server));
        both.server.on_encrypted(wire(both.client));
        both.server.on_data([&](tlspair::secure_pair_ref pair, tlspair::bytes data) { pair.write(data); });
        both.client.on_data([&](tlspair::secure_pair_ref, tlspair::bytes data) { heard += data.text(); });
    }
    both.client.write("round trip");
    CHECK_VIEW(heard, "round trip");
    CHECK_EQUAL(living, 2);
    both.client.reset();
    CHECK_EQUAL(living, 1);
}

static void p5_exceptions_come_out_of_the_call() {
    couple both;
    both.client.on_secure([](tlspair::secure_pair_ref) { throw mine("secure"); });
    CHECK_THROWN(mine, both.shuttle(), CHECK_TEXT(caught.what(), "secure"));
    both.shuttle(); // and the handshake goes on
    CHECK(both.client.secure() && both.server.secure());

    // Also with a code, and what was moved is known all the same.
    both.server.on_end([](tlspair::secure_pair_ref, bool) { throw mine("end"); });
    both.client.write("last words");
    both.client.end();
    couple::move(both.client, both.server);
    char room[64];
    std::size_t length = 0;
    std::error_code code;
    CHECK_THROWN(mine, both.server.read(room, length, code), CHECK_TEXT(caught.what(), "end"));
    CHECK_EQUAL(length, 10);

    // One that leaves a pair's callback inside a loop's comes out of both.
    tlspair::loop loop;
    tlspair::secure_pair garbage(server_side(), true);
    std::string told, order;
    garbage.on_error([&](tlspair::secure_pair_ref, tlspair::error_ref error) {
        told = error.name();
        throw tlspair::error(error);
    });
    garbage.on_close([&](tlspair::secure_pair_ref, bool had_error) { order += had_error ? 'X' : 'c'; });
    loop.post([&] {
        order += 'a';
        garbage.feed("GET / HTTP/1.1\r\n\r\n");
        order += "never";
    });
    CHECK_THROWN(tlspair::error, loop.run(), CHECK_VIEW(caught.name(), told));
    CHECK_VIEW(order, "aX");
    CHECK_VIEW(told, "ERR_SSL_HTTP_REQUEST");
    // Without a callback that throws, the failure is the call's own.
    CHECK_THROWN(tlspair::error, garbage.feed("x"), CHECK(caught.code() == tlspair::status::invalid_state));
    tlspair::secure_pair quiet(server_side(), true);
    quiet.feed("GET / HTTP/1.1\r\n\r\n", code);
    CHECK(code == tlspair::status::tls);
}

static void p5_feeding_a_part() {
    couple both;
    both.shuttle();
    both.server.set_high_water_mark(1);
    both.client.write(std::string(40000, 'x'));
    std::vector<std::uint8_t> wire(60000);
    wire.resize(both.client.take(wire));
    tlspair::bytes rest = wire;
    both.server.feed_some(rest);
    CHECK(!rest.empty() && rest.size() < wire.size());
    std::size_t got = 0;
    while (const std::size_t length = read_all(both.server).size()) {
        got += length;
        both.server.feed_some(rest);
    }
    CHECK(rest.empty());
    CHECK_EQUAL(got, 40000);
    CHECK(!both.server.write("full at once") && both.server.take(wire) > 0);
    int drains = 0;
    both.server.on_drain([&](tlspair::secure_pair_ref) { drains++; });
    both.server.write("full again");
    while (both.server.take(wire) > 0) {
    }
    CHECK_EQUAL(drains, 1);
    both.server.on_drain(nullptr);
    tlspair::bytes nothing;
    both.server.feed_some(nothing);
    both.server.feed({});
}

static void s73_text_of_a_pair() {
    std::string heard;
    couple both;
    both.client.on_text([&](tlspair::secure_pair_ref, std::string_view text) {
        heard.append("[").append(text).append("]");
    });
    both.shuttle();
    for (const char *piece : {"\xF0\x9F", "\x98\x80!", "\xE6"}) {
        both.server.write(piece);
        both.shuttle();
    }
    both.server.end();
    both.shuttle();
    CHECK_VIEW(heard, "[\xF0\x9F\x98\x80!][\xEF\xBF\xBD]");
}

static void p5_freed_and_replaced_inside_callbacks() {
    couple both;
    both.shuttle();
    int living = 0;
    std::string order;
    // Replaced: the one that runs lives on until it returns.
    both.server.on_data([&, c = counted(&living)](tlspair::secure_pair_ref pair, tlspair::bytes) {
        pair.on_data([&](tlspair::secure_pair_ref, tlspair::bytes) { order += '2'; });
        CHECK_EQUAL(living, 1);
        order += '1';
    });
    for (int i = 0; i < 2; i++) {
        both.client.write("x");
        both.shuttle();
    }
    CHECK_VIEW(order, "12");
    CHECK_EQUAL(living, 0);

    // Freed: no callback comes any more, and its captures go when the call is over.
    std::optional<tlspair::secure_pair> owner(std::move(both.server));
    const tlspair::secure_pair_ref server = *owner;
    server.on_data([&, c = counted(&living)](tlspair::secure_pair_ref pair, tlspair::bytes) {
        owner.reset();
        CHECK_EQUAL(living, 2);
        std::error_code code;
        pair.write("nobody is there", code);
        CHECK(code == tlspair::status::invalid_handle);
        order += '3';
    });
    server.on_close([&, c = counted(&living)](tlspair::secure_pair_ref, bool) { order += "never"; });
    both.client.write("x");
    char room[256];
    server.feed({room, both.client.take(room)});
    CHECK_VIEW(order, "123");
    CHECK_EQUAL(living, 0);
    CHECK(!server.secure());
}

static void p5_one_thread_at_a_time() {
    couple both;
    both.server.on_secure([&](tlspair::secure_pair_ref pair) {
        std::thread([pair] {
            std::error_code code;
            pair.write("x", code);
            check_that(code == tlspair::status::busy, "busy", __FILE__, __LINE__);
            pair.on_close([](tlspair::secure_pair_ref, bool) {}, code);
            check_that(code == tlspair::status::busy, "busy", __FILE__, __LINE__);
        }).join();
    });
    both.shuttle();
    // Another one may have it now.
    std::thread([&] { both.server.write("from a thread"); }).join();
    both.shuttle();
    CHECK_VIEW(read_all(both.client), "from a thread");
}

// A server's pair that waits for the answer to its SNI request.
static tlspair::request asked_by(tlspair::secure_pair_ref server, couple &both) {
    tlspair::request kept;
    server.on_sni([&](tlspair::secure_pair_ref, std::string_view, tlspair::request request) {
        kept = std::move(request);
    });
    both.client.start();
    couple::move(both.client, server);
    server.on_sni(nullptr);
    CHECK(bool(kept));
    return kept;
}

static void p5_ready_on_the_thread_that_answers() {
    std::thread::id ready, there;
    bool thrown = false;
    int living = 0;
    couple both;
    both.server.on_ready([&, c = counted(&living)](tlspair::secure_pair_ref pair) {
        ready = std::this_thread::get_id();
        CHECK(pair == both.server);
        throw mine("ready"); // comes out of the answer
    });
    tlspair::request request = asked_by(both.server, both);
    CHECK(!both.server.secure() && ready == std::thread::id());
    std::thread([&] {
        there = std::this_thread::get_id();
        try {
            request.resolve_context(nullptr);
        } catch (const mine &) {
            thrown = true;
        }
    }).join();
    CHECK(thrown && !request); // the answer counts
    CHECK(ready == there);
    both.server.feed({});
    both.shuttle();
    CHECK(both.server.secure());
    both.server.on_ready(nullptr);
    CHECK_EQUAL(living, 0);
}

static void p5_freed_inside_ready() {
    bool over = false;
    int living = 0;
    couple both;
    both.server.on_ready([&, c = counted(&living)](tlspair::secure_pair_ref) {
        both.server.reset();
        CHECK_EQUAL(living, 1);
        over = true;
    });
    tlspair::request request = asked_by(both.server, both);
    std::thread([&] { request.resolve_context(nullptr); }).join();
    CHECK(over && !both.server);
    CHECK_EQUAL(living, 0);
}

static void p5_freed_while_ready_runs_elsewhere() {
    std::mutex mutex;
    std::condition_variable changed;
    bool running = false, freeing = false, over = false;
    int living = 0;
    couple both;
    both.server.on_ready([&, c = counted(&living)](tlspair::secure_pair_ref) {
        std::unique_lock<std::mutex> lock(mutex);
        running = true;
        changed.notify_all();
        CHECK(changed.wait_for(lock, std::chrono::seconds(10 * patience()), [&] { return freeing; }));
        lock.unlock();
        sleep_ms(20); // so that whoever frees the pair is in the middle of it, mostly
        CHECK_EQUAL(living, 1);
        over = true;
    });
    tlspair::request request = asked_by(both.server, both);
    std::thread thread([&] { request.resolve_context(nullptr); });
    {
        std::unique_lock<std::mutex> lock(mutex);
        CHECK(changed.wait_for(lock, std::chrono::seconds(10 * patience()), [&] { return running; }));
        freeing = true;
        changed.notify_all();
    }
    both.server.reset(); // waits for it
    CHECK(over);
    CHECK_EQUAL(living, 0);
    thread.join();
}

static void p5_decisions_and_sessions_of_pairs() {
    const tlspair::context servers = server_side();
    tlspair::context clients = client_side();
    clients.set_identity_file(certificate_path("client-cert.pem"), certificate_path("client-key.pem"));
    std::vector<std::uint8_t> session, sealed;
    for (const bool reused : {false, true}) {
        couple both(servers, clients);
        both.server = tlspair::secure_pair(servers, true, /* request_cert */ true);
        int asked = 0;
        both.client.set_session(session);
        both.client.on_session([&](tlspair::secure_pair_ref, tlspair::bytes made) {
            session.assign(made.begin(), made.end());
        });
        both.client.on_check_identity([&](tlspair::secure_pair_ref, tlspair::certificate_ref shown,
                                          std::string_view name, tlspair::request request) {
            tlspair::check_server_identity(shown, std::string(name));
            asked++;
            request.resolve_verdict(true);
        });
        both.server.on_check_certificate([&](tlspair::secure_pair_ref, tlspair::certificate_ref,
                                             tlspair::request request) {
            asked++;
            request.resolve_verdict(true);
        });
        both.server.on_new_session([&](tlspair::secure_pair_ref, tlspair::bytes id, tlspair::bytes made) {
            CHECK_EQUAL(id.size(), 32);
            sealed.assign(made.begin(), made.end());
        });
        both.server.on_resume_session([&](tlspair::secure_pair_ref, tlspair::bytes, tlspair::request request) {
            request.resolve_session(sealed);
        });
        both.shuttle();
        CHECK(both.client.secure() && both.server.secure());
        CHECK_EQUAL(both.client.session_reused(), reused);
        CHECK_EQUAL(both.server.session_reused(), reused);
        CHECK_EQUAL(asked, 2);
        CHECK(!session.empty() && !sealed.empty() && !both.client.session().empty());
    }
    std::error_code code;
    couple wrong(servers, clients);
    wrong.client.on_sni([](tlspair::secure_pair_ref, std::string_view, tlspair::request) {}, code);
    CHECK(code == tlspair::status::invalid_state);
    wrong.server.set_session(session, code);
    CHECK(code == tlspair::status::invalid_state);
}

static void p5_renegotiation_of_pairs() {
    tlspair::context clients = client_side();
    clients.set_max_version("TLSv1.2");
    couple both(server_side(), clients);
    both.server.set_client_renegotiation(5, std::chrono::minutes(1));
    both.shuttle();
    int done = 0, living = 0;
    both.client.renegotiate([&, c = counted(&living)](tlspair::secure_pair_ref) { done++; });
    std::error_code code;
    both.client.renegotiate([&, c = counted(&living)](tlspair::secure_pair_ref) { done += 100; }, code);
    CHECK(code == tlspair::status::invalid_state);
    both.shuttle();
    CHECK_EQUAL(done, 1);
    CHECK_EQUAL(living, 0);
    both.client.renegotiate();
    both.shuttle();
    both.server.disable_renegotiation();
    both.client.renegotiate();
    CHECK_THROWS(tlspair::error, both.shuttle());
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN_TEST(p5_pairs_by_taking_and_reading);
    RUN_TEST(p5_two_pairs_wired_to_each_other);
    RUN_TEST(p5_exceptions_come_out_of_the_call);
    RUN_TEST(p5_feeding_a_part);
    RUN_TEST(s73_text_of_a_pair);
    RUN_TEST(p5_freed_and_replaced_inside_callbacks);
    RUN_TEST(p5_one_thread_at_a_time);
    RUN_TEST(p5_ready_on_the_thread_that_answers);
    RUN_TEST(p5_freed_inside_ready);
    RUN_TEST(p5_freed_while_ready_runs_elsewhere);
    RUN_TEST(p5_decisions_and_sessions_of_pairs);
    RUN_TEST(p5_renegotiation_of_pairs);
    return check_end();
}
