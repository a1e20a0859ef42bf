// Loop, server and streams: ownership, callables that live with their handle, exceptions out of
// callbacks, text, decisions that come later and from other threads, sessions.
#include "support.hpp"

#include <map>

#include <sys/socket.h>

#include <thread>

using namespace std::chrono_literals;

// ---- memory ----

static thread_local long allocations;

// Not inlined: gcc would see malloc on one side and delete on the other.
__attribute__((noinline)) void *operator new(std::size_t size) {
    allocations++;
    if (void *memory = std::malloc(size)) {
        return memory;
    }
    throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void *memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

static void p5_one_allocation_for_all_callables_of_a_handle() {
    std::string one, two, three;
    house house;
    const tlspair::stream stream = tlspair::connect(house.loop, 1, "127.0.0.1", house.options);
    const long before = allocations;
    stream.on_secure_connect([&one](tlspair::stream_ref) { one = "secure"; });
    stream.on_data([&one, &two, &three](tlspair::stream_ref, tlspair::bytes data) { one = two = three = data.text(); });
    stream.on_end([&](tlspair::stream_ref, bool) { three = "end"; });
    stream.on_drain([&](tlspair::stream_ref) { three = "drain"; });
    stream.on_timeout([](tlspair::stream_ref) {});
    stream.on_error([&](tlspair::stream_ref, tlspair::error_ref) { three = "error"; });
    stream.on_close([shared = std::shared_ptr<int>(), &one, &two](tlspair::stream_ref, bool) { two = one; });
    stream.on_data([&one](tlspair::stream_ref, tlspair::bytes) { one = "replaced"; });
    CHECK_EQUAL(allocations - before, 1);
}

// ---- ownership ----

static void p5_echo_with_lambdas() {
    std::string heard, order;
    house house;
    house.server.on_listening([&](tlspair::server_ref server) { order += server == house.server ? 'l' : '?'; });
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        order += 's';
        stream.write("welcome!\n");
        // Captures that can only be moved, and live with the stream.
        stream.on_data([seen = std::make_unique<std::string>()](tlspair::stream_ref from, tlspair::bytes data) {
            seen->append(data.text());
            from.write(*seen);
        });
        stream.on_close([&](tlspair::stream_ref, bool had_error) { order += had_error ? 'X' : 'c'; });
    });
    house.listen();
    CHECK_VIEW(house.server.address(), "127.0.0.1");
    CHECK_VIEW(house.server.family(), "IPv4");
    bool ended = false;
    tlspair::stream client =
        tlspair::connect(house.loop, house.server.port(), "127.0.0.1", house.options, [&](tlspair::stream_ref stream) {
            CHECK_VIEW(stream.protocol(), "TLSv1.3");
            CHECK(stream.secure() && stream.authorized() && stream.authorization_error().empty());
            CHECK_VIEW(stream.servername(), "localhost");
            CHECK(stream.peer_certificate().subject().find("CN=") != std::string_view::npos);
            stream.write("ping");
        });
    client.on_data([&](tlspair::stream_ref stream, tlspair::bytes data) {
        heard.append(data.text());
        if (heard == "welcome!\nping") {
            stream.end();
        }
    });
    client.on_end([&](tlspair::stream_ref, bool clean) { ended = clean; });
    const tlspair::stream_ref id = client;
    run_until(house.loop, [&] { return ended && order == "lsc"; });
    CHECK_VIEW(heard, "welcome!\nping");
    // It has closed: what is left of it is an id.
    CHECK_THROWN(tlspair::error, id.write("x"), CHECK(caught.code() == tlspair::status::invalid_handle));
    CHECK_THROWS(tlspair::error, client.on_data(nullptr));
    CHECK(id.protocol().empty() && id.remote_port() == -1 && !id.peer_certificate());
}

static void p5_owners_end_what_they_hold() {
    int server_closes = 0, living = 0;
    std::string ends;
    std::vector<tlspair::stream> taken;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.on_close([&, c = counted(&living)](tlspair::stream_ref, bool) { ends += 's'; });
        taken.push_back(stream.take());
    });
    house.server.on_close([&, c = counted(&living)](tlspair::server_ref) { server_closes++; });
    house.listen();
    {
        tlspair::stream client = house.connect();
        client.on_close([&, c = counted(&living)](tlspair::stream_ref, bool) { ends += 'c'; });
        CHECK_EQUAL(living, 2);
        run_until(house.loop, [&] { return taken.size() == 1; });
        CHECK_EQUAL(living, 3);
        // Moves change nothing for the connection.
        tlspair::stream moved = std::move(client);
        client = std::move(moved);
        CHECK(client.secure());
    }
    // Destroyed with its owner: the close event still comes, and destroys the captures after it.
    run_until(house.loop, [&] { return ends.size() == 2 && living == 1; });

    // What was taken goes with whoever took it.
    taken.clear();
    tlspair::stream client = house.connect();
    client.on_close([&](tlspair::stream_ref, bool) { ends += 'c'; });
    run_until(house.loop, [&] { return taken.size() == 1; });
    CHECK_EQUAL(living, 2);
    taken.clear();
    run_until(house.loop, [&] { return ends.size() == 4 && living == 1; });

    // Released: it lives with the loop.
    const tlspair::stream_ref released(house.connect().release());
    released.on_close([&, c = counted(&living)](tlspair::stream_ref, bool) { ends += 'r'; });
    run_until(house.loop, [&] { return released.secure() && taken.size() == 1; });
    house.server.reset();
    run_until(house.loop, [&] { return server_closes == 1; });
    house.loop.close();
    CHECK_EQUAL(ends.size(), 6);
    CHECK_VIEW(ends.substr(4), ends[4] == 's' ? "sr" : "rs");
    CHECK_EQUAL(living, 0);
}

static void p5_a_stream_that_owns_itself() {
    // A stream whose owner lives in its own callable: it ends by its close event, and all of it goes.
    int living = 0;
    bool closed = false;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.on_data([&, self = stream.take(), c = counted(&living)](tlspair::stream_ref, tlspair::bytes data) {
            self.write(data);
            self.end();
        });
    });
    house.listen();
    tlspair::stream client = house.connect();
    client.write("x");
    client.on_end([](tlspair::stream_ref stream, bool) { stream.end(); });
    client.on_close([&](tlspair::stream_ref, bool) { closed = true; });
    client.resume();
    run_until(house.loop, [&] { return closed && living == 0 && house.server.connections() == 0; });
}

static void p5_callables_replaced_while_they_run() {
    int living = 0;
    std::string order;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.on_data([&, stream, c = counted(&living)](tlspair::stream_ref, tlspair::bytes) {
            stream.on_data(nullptr);
            stream.on_data([&](tlspair::stream_ref, tlspair::bytes) { order += "never "; });
            stream.on_data([&, again = counted(&living)](tlspair::stream_ref from, tlspair::bytes data) {
                order += "second:" + std::string(data.text());
                from.end();
            });
            CHECK_EQUAL(living, 2); // this one is alive, as it has to be
            order += "first ";
            stream.write("go on");
        });
    });
    house.listen();
    tlspair::stream client = house.connect();
    client.write("a");
    client.on_data([](tlspair::stream_ref stream, tlspair::bytes) { stream.write("b"); });
    run_until(house.loop, [&] { return living == 0 && order == "first second:b"; });

    // Unregistered: the data waits for the next one.
    const tlspair::stream idle = house.connect();
    idle.on_close(nullptr); // nothing was there
    idle.on_close([](tlspair::stream_ref, bool) {});
    idle.on_close(nullptr);
}

static void p5_what_is_refused_leaves_all_as_it_was() {
    int living = 0, sessions = 0;
    bool done = false;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        // Not for the streams of a server.
        std::error_code code;
        stream.on_session([&, c = counted(&living)](tlspair::stream_ref, tlspair::bytes) { sessions++; }, code);
        CHECK(code == tlspair::status::invalid_state);
        CHECK_EQUAL(living, 0);
        CHECK_THROWS(tlspair::error, stream.renegotiate([c = counted(&living)](tlspair::stream_ref) {}));
        CHECK_EQUAL(living, 0);
        done = true;
    });
    house.listen();
    const tlspair::stream client = house.connect();
    run_until(house.loop, [&] { return done; });
    // Nor for other threads.
    std::thread([&] {
        std::error_code code;
        client.on_data([c = counted(&living)](tlspair::stream_ref, tlspair::bytes) {}, code);
        check_that(code == tlspair::status::wrong_thread, "another thread's", __FILE__, __LINE__);
        check_that(living == 0, "nothing is kept", __FILE__, __LINE__);
    }).join();
}

// ---- exceptions ----

struct mine : std::runtime_error {
    using std::runtime_error::runtime_error;
};

static std::vector<std::string> lost;
static void remember(std::exception_ptr exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception &error) {
        lost.emplace_back(error.what());
    } catch (...) {
        lost.emplace_back("?");
    }
}

static void p5_an_exception_comes_out_of_run() {
    lost.clear();
    const auto before = tlspair::set_lost_exception_handler(remember);
    std::string heard;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.on_data([&](tlspair::stream_ref, tlspair::bytes data) {
            heard.append(data.text());
            throw mine("data");
        });
        stream.pause();
        throw mine("secure");
    });
    house.listen();
    const tlspair::stream client = house.connect();
    client.write("abc");
    CHECK_THROWN(mine, house.loop.run(), CHECK_TEXT(caught.what(), "secure"));
    CHECK_EQUAL(house.server.connections(), 1); // nothing else has happened to it

    // The loop runs on, and stops by itself when it is told to.
    house.loop.post([&] { house.loop.stop(); });
    house.loop.run();

    // Two in one turn: the first one counts, the work of the second is done all the same.
    int posted = 0;
    house.loop.post([&] { posted++, throw mine("first"); });
    house.loop.post([&] { posted++, throw mine("second"); });
    CHECK_THROWN(mine, house.loop.run_once(1s), CHECK_TEXT(caught.what(), "first"));
    CHECK_EQUAL(posted, 2);
    CHECK(lost == std::vector<std::string>{"second"});

    // Also with an error code: it is not the library's failure.
    std::error_code code;
    house.loop.post([] { throw 5; });
    CHECK_THROWN(int, house.loop.run(code), CHECK_EQUAL(caught, 5));

    // What a destructor runs into has nobody to be thrown to; `close` has.
    {
        tlspair::loop doomed;
        const tlspair::context context = server_side();
        const tlspair::server_ref server(tlspair::server(doomed, context).release());
        server.on_close([](tlspair::server_ref) { throw mine("close"); });
    }
    CHECK(lost == (std::vector<std::string>{"second", "close"}));
    tlspair::loop closed;
    const tlspair::context context = server_side();
    const tlspair::server_ref server(tlspair::server(closed, context).release());
    server.on_close([](tlspair::server_ref) { throw mine("close"); });
    CHECK_THROWS(mine, closed.close());
    CHECK(!closed && server.port() == -1);

    // C code that runs the loop cannot throw.
    house.loop.post([] { throw mine("under C"); });
    CHECK_EQUAL(tls_loop_run_once(house.loop.get(), 1000), TLS_OK);
    CHECK_VIEW(lost.back(), "under C");
    CHECK(tlspair::set_lost_exception_handler(before) == remember);
}

static void p5_a_loop_inside_its_own_callback() {
    tlspair::loop loop;
    std::error_code run, freed;
    loop.post([&] {
        loop.run(run);
        loop.close(freed);
    });
    loop.run();
    CHECK(run == tlspair::status::busy && freed == tlspair::status::busy);
    CHECK(loop && loop.fd() >= 0);
    CHECK_THROWS(tlspair::error, loop.post(nullptr));
    // Posted work that never runs is destroyed.
    int living = 0;
    loop.post([c = counted(&living)] {});
    CHECK_EQUAL(living, 1);
    loop.close();
    CHECK_EQUAL(living, 0);
    CHECK_THROWS(tlspair::error, loop.post([c = counted(&living)] {}));
    CHECK_EQUAL(living, 0);
}

static void p5_set_up_here_run_there() {
    std::thread::id ran;
    house house;
    house.loop.post([&] {
        ran = std::this_thread::get_id();
        house.loop.stop();
    });
    house.listen();
    house.loop.detach();
    std::thread::id there;
    std::thread([&] {
        there = std::this_thread::get_id();
        house.loop.run();
        house.loop.detach();
    }).join();
    CHECK(ran == there);
    house.loop.run_once(0ms);
}

// ---- text ----

static void s73_text_over_records_and_at_the_end() {
    std::string heard;
    tlspair::stream sender;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) { sender = stream.take(); });
    house.listen();
    const tlspair::stream client = house.connect();
    client.on_data([](tlspair::stream_ref, tlspair::bytes) { CHECK(!"bytes, where text was asked for"); });
    client.on_end([&](tlspair::stream_ref, bool clean) { heard += clean ? "(end)" : "(cut)"; });
    client.on_text([&](tlspair::stream_ref, std::string_view text) { heard.append("[").append(text).append("]"); });
    run_until(house.loop, [&] { return static_cast<bool>(sender); });
    for (const char *piece : {"h\xC3", "\xA4", "llo\xE6\xBC"}) {
        const std::uint64_t before = client.bytes_read();
        sender.write(piece);
        run_until(house.loop, [&] { return client.bytes_read() > before; });
    }
    sender.end();
    run_until(house.loop, [&] { return heard.find("(end)") != std::string::npos; });
    CHECK_VIEW(heard, "[h][\xC3\xA4][llo][\xEF\xBF\xBD](end)");
}

static void s73_nothing_follows_a_destroy_in_the_last_text() {
    std::string heard;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.write("\xE6\xBC");
        stream.end();
    });
    house.listen();
    const tlspair::stream client = house.connect();
    client.on_text([&](tlspair::stream_ref stream, std::string_view text) {
        heard.append(text);
        stream.destroy();
    });
    client.on_end([&](tlspair::stream_ref, bool) { heard += "(end)"; });
    client.on_close([&](tlspair::stream_ref, bool) { heard += "(close)"; });
    run_until(house.loop, [&] { return heard.find("(close)") != std::string::npos; });
    CHECK_VIEW(heard, "\xEF\xBF\xBD(close)");
}

static void s73_back_to_bytes() {
    std::string heard;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.write("a\xC3");
        stream.on_drain(nullptr);
    });
    house.listen();
    const tlspair::stream client = house.connect();
    client.on_text([&](tlspair::stream_ref stream, std::string_view text) {
        heard.append("text:").append(text);
        stream.on_data([&](tlspair::stream_ref, tlspair::bytes data) { heard.append(" bytes:").append(data.text()); });
        stream.write("x"); // and the half character is gone
    });
    client.on_end([&](tlspair::stream_ref, bool) { heard += "(end)"; });
    run_until(house.loop, [&] { return !heard.empty(); });
    house.server.destroy();
    run_until(house.loop, [&] { return heard.find("(end)") != std::string::npos || house.server.connections() <= 0; });
    CHECK(heard.find("\xEF\xBF\xBD") == std::string::npos && heard.find("text:a") == 0);
}

// ---- decisions ----

static void s22_sni_answered_from_a_thread() {
    house house;
    const tlspair::context other = server_side();
    std::thread thread;
    std::string asked;
    int answers = 0;
    house.server.on_sni([&](tlspair::server_ref, tlspair::stream_ref, std::string_view name, tlspair::request request) {
        asked = name;
        thread = std::thread([&, request = std::move(request)]() mutable {
            std::error_code code;
            answers += request.resolve_verdict(true, code) ? 100 : 0; // of the wrong kind, which leaves it as it was
            check_that(code == tlspair::status::invalid_argument, "wrong kind", __FILE__, __LINE__);
            answers += request.resolve_context(other) ? 1 : 0;
            answers += request.resolve_context(nullptr) ? 100 : 0; // it is used up
        });
    });
    house.listen();
    const tlspair::stream client = house.connect();
    run_until(house.loop, [&] { return client.secure(); });
    thread.join();
    CHECK_VIEW(asked, "localhost");
    CHECK_EQUAL(answers, 1);
}

static void p5_a_request_that_is_dropped_is_rejected() {
    std::string client_error, refused;
    bool throws = false;
    house house;
    house.server.on_sni([&](tlspair::server_ref, tlspair::stream_ref, std::string_view, const tlspair::request &) {
        if (throws) {
            throw mine("sni");
        }
    });
    house.server.on_client_error([&](tlspair::server_ref, tlspair::error_ref error, tlspair::stream_ref stream) {
        client_error = error.message();
        CHECK_VIEW(stream.remote_address(), "127.0.0.1");
    });
    house.listen();
    for (int round = 0; round < 2; round++) {
        throws = round == 1;
        client_error.clear();
        refused.clear();
        const tlspair::stream client = house.connect();
        client.on_error([&](tlspair::stream_ref, tlspair::error_ref error) { refused = error.name(); });
        bool thrown = false;
        run_until(house.loop, [&] { return true; });
        const int64_t deadline = now_ms() + int64_t(10000) * patience();
        while ((client_error.empty() || refused.empty()) && now_ms() < deadline) {
            try {
                house.loop.run_once(10ms);
            } catch (const mine &) {
                thrown = true;
            }
        }
        CHECK_PART(client_error.c_str(), "dropped without an answer");
        CHECK_VIEW(refused, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
        CHECK_EQUAL(thrown, throws);
    }
}

static void p5_an_answer_for_nobody() {
    tlspair::request kept;
    int living = 0;
    house house;
    house.server.on_sni([&, c = counted(&living)](tlspair::server_ref, tlspair::stream_ref, std::string_view,
                                                 tlspair::request request) { kept = std::move(request); });
    house.listen();
    tlspair::stream client = house.connect();
    run_until(house.loop, [&] { return static_cast<bool>(kept); });
    client.reset();
    run_until(house.loop, [&] { return house.server.connections() == 0; });
    CHECK(!kept.resolve_context(nullptr)); // no harm done
    CHECK(!kept && !kept.reject("twice"));
    // And one that outlives its loop.
    client = house.connect();
    run_until(house.loop, [&] { return static_cast<bool>(kept); });
    house.loop.close();
    CHECK_EQUAL(living, 0);
}

static void s79_identity_decided_by_the_program() {
    house house;
    house.listen();
    for (const bool verdict : {true, false}) {
        house.options.set_servername("other.example");
        const tlspair::stream client = house.connect();
        std::string named, error, name;
        tlspair::certificate certificate;
        client.on_check_identity([&](tlspair::stream_ref, tlspair::certificate_ref shown, std::string_view wanted,
                                     tlspair::request request) {
            certificate = shown.copy();
            name = wanted;
            request.resolve_verdict(verdict);
        });
        client.on_error([&](tlspair::stream_ref, tlspair::error_ref failure) { error = failure.name(); });
        run_until(house.loop, [&] { return client.secure() || !error.empty(); });
        CHECK_EQUAL(client.secure(), verdict);
        CHECK_VIEW(name, "other.example");
        CHECK(certificate.subject().find("CN=") != std::string_view::npos); // it outlives its callback
    }
}

static void s79_client_certificate_judged_by_the_program() {
    tlspair::context clients = client_side();
    clients.set_identity_file(certificate_path("client-cert.pem"), certificate_path("client-key.pem"));
    house house(server_side(), std::move(clients));
    house.server.set_request_cert(true);
    house.server.set_reject_unauthorized(true);
    std::string subject, secure;
    house.server.on_check_certificate([&](tlspair::server_ref, tlspair::stream_ref,
                                          tlspair::certificate_ref certificate, tlspair::request request) {
        subject = certificate.subject();
        request.resolve_verdict(true);
    });
    house.server.on_secure_connection(
        [&](tlspair::server_ref, tlspair::stream_ref stream) { secure = stream.authorized() ? "yes" : "no"; });
    house.listen();
    const tlspair::stream client = house.connect();
    run_until(house.loop, [&] { return !secure.empty(); });
    CHECK_VIEW(secure, "yes");
    CHECK(!subject.empty());
}

// ---- sessions ----

static void s52_s53_sessions_in_a_store_of_ones_own() {
    std::map<std::string, std::vector<std::uint8_t>> store;
    std::vector<std::thread> threads;
    std::vector<std::uint8_t> session;
    bool down = false;
    house house;
    house.server.on_new_session([&](tlspair::server_ref, tlspair::stream_ref, tlspair::bytes id,
                                    tlspair::bytes made) {
        store[std::string(id.text())] = {made.begin(), made.end()};
    });
    house.server.on_resume_session(
        [&](tlspair::server_ref, tlspair::stream_ref, tlspair::bytes id, tlspair::request request) {
            threads.emplace_back([found = store[std::string(id.text())], request = std::move(request), down]() mutable {
                CHECK(down ? request.resolve_unavailable() : request.resolve_session(found));
            });
        });
    house.listen();
    for (const int round : {0, 1, 2}) {
        const bool reused = round == 1;
        down = round == 2;
        house.options.set_session(session);
        const tlspair::stream client = house.connect();
        bool told = false;
        client.on_session([&](tlspair::stream_ref, tlspair::bytes made) {
            session.assign(made.begin(), made.end());
            told = true;
        });
        client.resume();
        run_until(house.loop, [&] { return told; });
        CHECK_EQUAL(client.session_reused(), reused);
        CHECK(!client.session().empty());
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    CHECK_EQUAL(house.server.session_count(tlspair::sessions::hit_store), 1);
    CHECK_EQUAL(house.server.session_count(tlspair::sessions::miss_store_error), 1);
    CHECK_EQUAL(house.server.session_count(tlspair::sessions::full), 2);
    std::error_code code;
    house.options.set_session("nonsense", code);
    CHECK(code == tlspair::status::session);
}

// ---- the rest of the surface ----

static void p5_settings_reach_the_library() {
    house house;
    house.server.set_handshake_timeout(30s);
    house.server.set_max_connections(10);
    house.server.set_client_renegotiation(1, 1min);
    house.server.set_alpn_protocols({"h2", "http/1.1"});
    house.server.set_resume_session_timeout(2s);
    house.server.set_session_tickets(true);
    house.server.add_context("*.example.org", server_side());
    house.server.remove_context("*.example.org");
    CHECK_THROWS(tlspair::error, house.server.remove_context("*.example.org"));
    house.options.set_alpn_protocols(std::vector<std::string>{"http/1.1"});
    std::string protocol;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        stream.set_no_delay(true);
        stream.set_keep_alive(true, 30s);
        stream.set_high_water_mark(0);
        stream.set_timeout(1h);
        CHECK(!stream.write("full at once"));
        CHECK_THROWS(tlspair::error, stream.set_timeout(-1ms));
        stream.unref();
        stream.ref();
        protocol = stream.alpn_protocol();
    });
    house.listen();
    const tlspair::stream client = house.connect();
    bool drained = false;
    client.set_high_water_mark(0);
    client.on_drain([&](tlspair::stream_ref) { drained = true; });
    client.write("x");
    run_until(house.loop, [&] { return !protocol.empty() && drained; });
    CHECK_VIEW(protocol, "http/1.1");
    CHECK(client.bytes_written() > 0 && client.writable_length() == 0 && client.local_port() > 0);

    // Over a descriptor that is there already.
    tlspair::stream inner;
    std::string heard;
    int sockets[2];
    raw_pair(AF_UNIX, sockets);
    const tlspair::stream_ref accepted = house.server.accept_fd(sockets[0], true);
    accepted.on_data([](tlspair::stream_ref stream, tlspair::bytes data) { stream.write(data); });
    tlspair::connect_options over;
    over.set_context(client_side());
    over.set_fd(sockets[1], true);
    over.set_alpn_protocols({"h2"});
    inner = tlspair::connect(house.loop, 0, "localhost", over);
    inner.on_data([&](tlspair::stream_ref, tlspair::bytes data) { heard += data.text(); });
    inner.write("over a descriptor");
    run_until(house.loop, [&] { return heard.find("over a descriptor") != std::string::npos; });
}

static void p5_timeout_pause_and_half_open() {
    int timeouts = 0;
    std::string heard;
    tlspair::stream_ref accepted;
    house house;
    house.server.on_secure_connection([&](tlspair::server_ref, tlspair::stream_ref stream) {
        accepted = stream;
        stream.set_allow_half_open(true);
        stream.pause();
        stream.on_data([&](tlspair::stream_ref, tlspair::bytes data) { heard += data.text(); });
        stream.on_end([&](tlspair::stream_ref, bool clean) { heard += clean ? "(end)" : "(cut)"; });
        stream.set_timeout(20ms);
        stream.on_timeout([&](tlspair::stream_ref from) {
            timeouts++;
            CHECK(heard.empty()); // paused
            from.resume();
        });
    });
    house.listen();
    tlspair::stream client = house.connect();
    client.write("x");
    client.end();
    run_until(house.loop, [&] { return heard == "x(end)"; });
    CHECK(timeouts >= 1);
    // Our side is still open.
    accepted.write("answer");
    std::string answer;
    client.on_data([&](tlspair::stream_ref, tlspair::bytes data) { answer += data.text(); });
    run_until(house.loop, [&] { return answer == "answer"; });
    client.reset();
}

static void p5_unix_sockets_and_tls_in_tls() {
    const std::string path = "/tmp/tlspair-cpp-" + std::to_string(now_ms()) + ".sock";
    std::string inner_heard;
    tlspair::stream outer, inner;
    house house;
    house.server.listen_path(path);
    CHECK_VIEW(house.server.address(), path);
    CHECK_VIEW(house.server.family(), "Unix");
    tlspair::stream_ref carrier;
    house.server.on_secure_connection([&](tlspair::server_ref server, tlspair::stream_ref stream) {
        if (!carrier) {
            carrier = stream;
            CHECK(server.accept_stream(stream) != stream);
        } else {
            stream.pipe(stream);
        }
    });
    house.options.set_path(path);
    outer = tlspair::connect(house.loop, 0, nullptr, house.options);
    house.options.set_stream(outer);
    inner = tlspair::connect(house.loop, 0, nullptr, house.options,
                             [](tlspair::stream_ref stream) { stream.write("inside"); });
    inner.on_data([&](tlspair::stream_ref, tlspair::bytes data) { inner_heard += data.text(); });
    run_until(house.loop, [&] { return inner_heard == "inside"; });
    CHECK_EQUAL(house.server.connections(), 2);
}

static void p5_renegotiation_is_told_once() {
    tlspair::context clients = client_side();
    clients.set_max_version("TLSv1.2");
    house house(server_side(), std::move(clients));
    house.listen();
    const tlspair::stream client = house.connect();
    run_until(house.loop, [&] { return client.secure(); });
    int living = 0, done = 0;
    client.renegotiate([&, c = counted(&living)](tlspair::stream_ref) { done++; });
    CHECK_EQUAL(living, 1);
    std::error_code code;
    client.renegotiate([&, c = counted(&living)](tlspair::stream_ref) { done += 100; }, code);
    CHECK(code == tlspair::status::invalid_state);
    CHECK_EQUAL(living, 1);
    run_until(house.loop, [&] { return done > 0; });
    CHECK_EQUAL(done, 1);
    CHECK_EQUAL(living, 0);
    client.disable_renegotiation();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN_TEST(p5_one_allocation_for_all_callables_of_a_handle);
    RUN_TEST(p5_echo_with_lambdas);
    RUN_TEST(p5_owners_end_what_they_hold);
    RUN_TEST(p5_a_stream_that_owns_itself);
    RUN_TEST(p5_callables_replaced_while_they_run);
    RUN_TEST(p5_what_is_refused_leaves_all_as_it_was);
    RUN_TEST(p5_an_exception_comes_out_of_run);
    RUN_TEST(p5_a_loop_inside_its_own_callback);
    RUN_TEST(p5_set_up_here_run_there);
    RUN_TEST(s73_text_over_records_and_at_the_end);
    RUN_TEST(s73_nothing_follows_a_destroy_in_the_last_text);
    RUN_TEST(s73_back_to_bytes);
    RUN_TEST(s22_sni_answered_from_a_thread);
    RUN_TEST(p5_a_request_that_is_dropped_is_rejected);
    RUN_TEST(p5_an_answer_for_nobody);
    RUN_TEST(s79_identity_decided_by_the_program);
    RUN_TEST(s79_client_certificate_judged_by_the_program);
    RUN_TEST(s52_s53_sessions_in_a_store_of_ones_own);
    RUN_TEST(p5_settings_reach_the_library);
    RUN_TEST(p5_timeout_pause_and_half_open);
    RUN_TEST(p5_unix_sockets_and_tls_in_tls);
    RUN_TEST(p5_renegotiation_is_told_once);
    return check_end();
}
