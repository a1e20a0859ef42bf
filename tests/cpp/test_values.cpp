// Views of bytes, texts on their way into C, UTF-8 in pieces, errors and their codes, callables.
#include "support.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <type_traits>
#if __cplusplus >= 202002L
#include <ranges>
#include <span>
#endif

static void p5_bytes_come_from_everything() {
    const std::vector<std::uint8_t> numbers{1, 2, 3};
    const std::string text("a\0b", 3);
    const std::array<std::byte, 2> raw{};
    const unsigned char array[4] = {};
    CHECK_EQUAL(tlspair::bytes(numbers).size(), 3);
    CHECK(tlspair::bytes(numbers).data() == numbers.data());
    CHECK_EQUAL(tlspair::bytes(text).size(), 3);
    CHECK_EQUAL(tlspair::bytes(std::string_view(text)).size(), 3);
    CHECK_EQUAL(tlspair::bytes(raw).size(), 2);
    CHECK_EQUAL(tlspair::bytes(array).size(), 4);
    CHECK_EQUAL(tlspair::bytes("four").size(), 4); // without the NUL
    CHECK_EQUAL(tlspair::bytes("four", 5).size(), 5);
    CHECK_EQUAL(tlspair::bytes(static_cast<const char *>(nullptr)).size(), 0);
    CHECK(tlspair::bytes().data() == nullptr);
    CHECK(tlspair::bytes(text) == tlspair::bytes("a\0b", 3));
    CHECK(tlspair::bytes(text) != tlspair::bytes("a"));
    CHECK_VIEW(tlspair::bytes("abc").after(1).text(), "bc");
    CHECK(tlspair::bytes("abc").after(3).empty());
    CHECK(tlspair::bytes("abc").after(4).empty());
    CHECK_EQUAL(tlspair::bytes("abc")[1], 'b');
    const tlspair::bytes view(numbers);
    CHECK(std::vector<std::uint8_t>(view.begin(), view.end()) == numbers);

    static_assert(!std::is_constructible_v<tlspair::bytes, std::vector<int>>);
    static_assert(!std::is_constructible_v<tlspair::bytes, std::vector<bool>>);
    static_assert(!std::is_constructible_v<tlspair::bytes, std::u16string>);
    static_assert(!std::is_constructible_v<tlspair::bytes, int>);
#if __cplusplus >= 202002L
    CHECK_EQUAL(tlspair::bytes(std::span<const std::uint8_t>(numbers)).size(), 3);
    CHECK_EQUAL(std::span<const std::uint8_t>(view).size(), 3);
    static_assert(std::ranges::contiguous_range<tlspair::bytes>);
    static_assert(std::ranges::borrowed_range<tlspair::bytes>);
#endif

    std::vector<char> room(7);
    char local[9];
    CHECK_EQUAL(tlspair::mutable_bytes(room).size(), 7);
    CHECK_EQUAL(tlspair::mutable_bytes(local).size(), 9);
    CHECK(static_cast<void *>(tlspair::mutable_bytes(local).data()) == local);
    static_assert(!std::is_constructible_v<tlspair::mutable_bytes, const std::vector<char> &>);
    static_assert(!std::is_constructible_v<tlspair::mutable_bytes, std::string_view>);
}

static void c010_c015_c016_texts_with_a_nul_are_refused() {
    // What C would cut short is refused before it gets there.
    using namespace std::string_literals;
    const std::string bad = "good.example\0.evil"s;
    CHECK(tlspair::text(bad).has_nul());
    CHECK(tlspair::text(std::string_view(bad)).has_nul());
    CHECK(!tlspair::text("good.example\0.evil").has_nul()); // a literal is what C makes of it
    CHECK(tlspair::text(nullptr).c_str() == nullptr);
    CHECK_TEXT(tlspair::text(std::string_view("abcdef").substr(1, 2)).c_str(), "bc");
    CHECK_TEXT(tlspair::text(std::filesystem::path("/a/b")).c_str(), "/a/b");
    CHECK(tlspair::names({std::string_view(bad)}).has_nul());
    CHECK_EQUAL(tlspair::names(std::vector<std::string>{"h2", "http/1.1"}).size(), 2);

    tlspair::context context;
    tlspair::connect_options options;
    tlspair::loop loop;
    std::error_code code;
#define REFUSED(call) \
    do { \
        code.clear(); \
        call; \
        check_that(code == tlspair::status::invalid_argument, #call, __FILE__, __LINE__); \
    } while (0)
    REFUSED(context.set_key("x", "secret\0word"s, code));                      // c010
    REFUSED(context.set_key_file(certificate_path("server-key.pem"), "secret\0word"s, code));
    REFUSED(context.set_identity("x", "x", "secret\0word"s, code));
    REFUSED(context.set_pfx("x", "secret\0word"s, code));
    REFUSED(context.set_pfx_file("x", "secret\0word"s, code));
    REFUSED(context.set_cert_file("server\0cert"s, code));
    REFUSED(context.add_ca_file("ca\0"s, code));
    REFUSED(context.set_ciphers("HIGH\0"s, code));
    REFUSED(context.set_alpn_protocols({std::string_view("h2\0", 3)}, code));
    REFUSED(options.set_servername(bad, code));                                // c015
    REFUSED(options.set_verify_name(bad, code));
    REFUSED(options.set_path("/tmp/x\0y"s, code));
    REFUSED(static_cast<void>(tlspair::connect(loop, 1, bad, code)));          // c016
    REFUSED(static_cast<void>(tlspair::connect(loop, 1, bad, options, [](tlspair::stream_ref) {}, code)));
#undef REFUSED
    CHECK_THROWN(tlspair::error, options.set_servername(bad), {
        CHECK_VIEW(caught.name(), "ERR_INVALID_ARG_VALUE");
        CHECK(caught.code() == std::errc::invalid_argument);
        CHECK(caught.get() == nullptr);
        CHECK_EQUAL(caught.openssl_count(), 0);
    });
    const tlspair::context served = server_side();
    tlspair::server server(loop, served);
    CHECK_THROWS(tlspair::error, server.listen(0, "127.0.0.1\0"s));
    CHECK_THROWS(tlspair::error, server.add_context(bad, served));
    const tlspair::certificate certificate = tlspair::certificate::parse(read_file_text("server-cert.pem"));
    CHECK_THROWS(tlspair::error, tlspair::check_server_identity(certificate, "localhost\0.evil"s));
    CHECK(certificate.subject_field("CN\0x"s).empty());
    CHECK(!tlspair::feature("tls1.3\0"s) && tlspair::feature("tls1.3"));
}

static std::string decoded(const std::vector<std::string> &pieces) {
    tlspair::utf8_decoder decoder;
    std::string all, room;
    for (const std::string &piece : pieces) {
        all.append(decoder.decode(piece, room)).append("|");
    }
    return all.append(decoder.flush());
}

static void s73_utf8_in_pieces() {
    CHECK_VIEW(decoded({"plain"}), "plain|");
    CHECK_VIEW(decoded({"h\xC3", "\xA4llo"}), "h|\xC3\xA4llo|");
    CHECK_VIEW(decoded({"\xF0", "\x9F", "\x98", "\x80z"}), "|||\xF0\x9F\x98\x80z|");
    CHECK_VIEW(decoded({"a\xFF" "b"}), "a\xEF\xBF\xBD" "b|");
    CHECK_VIEW(decoded({"\xE6\xBC"}), "|\xEF\xBF\xBD"); // not finished at the end: one for all of it
    CHECK_VIEW(decoded({"\xE6\xBC", "x"}), "|\xEF\xBF\xBDx|");
    CHECK_VIEW(decoded({"\xC0\x80"}), "\xEF\xBF\xBD\xEF\xBF\xBD|");             // an overlong NUL
    CHECK_VIEW(decoded({"\xED\xA0\x80"}), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|"); // half a surrogate pair
    CHECK_VIEW(decoded({"\xF4\x90\x80\x80"}), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|"); // above U+10FFFF
    CHECK_VIEW(decoded({std::string("\0", 1)}), std::string_view("\0|", 2));
    CHECK_VIEW(decoded({"", "x", ""}), "|x||");

    // Whatever stands whole in the piece is not copied.
    tlspair::utf8_decoder decoder;
    std::string room;
    const std::string piece = "whole\xC3";
    CHECK(decoder.decode(piece, room).data() == piece.data());
    decoder.reset();
    CHECK(decoder.flush().empty());

    // However it is cut, it is the same text.
    const std::string text = "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80z";
    for (std::size_t first = 0; first <= text.size(); first++) {
        for (std::size_t second = first; second <= text.size(); second++) {
            tlspair::utf8_decoder one;
            std::string all;
            for (const std::string &part :
                 {text.substr(0, first), text.substr(first, second - first), text.substr(second)}) {
                all.append(one.decode(part, room));
            }
            CHECK(all == text && one.flush().empty());
        }
    }
}

static void p5_codes_and_exceptions() {
    const std::error_code busy = tlspair::status::busy;
    CHECK(busy.category() == tlspair::category());
    CHECK_TEXT(tlspair::category().name(), "tlspair");
    CHECK_TEXT(busy.message().c_str(), "TLS_ERR_BUSY");
    CHECK_VIEW(tlspair::status_name(tlspair::status::timeout), "TLS_ERR_TIMEOUT");
    CHECK(busy == std::errc::device_or_resource_busy && busy != std::errc::invalid_argument);
    CHECK(std::error_code(tlspair::status::timeout) == std::errc::timed_out);
    CHECK(std::error_code(tlspair::status::reset) == std::errc::connection_reset);
    CHECK(std::error_code(tlspair::status::verify) != std::errc::permission_denied);
    CHECK(!std::error_code(tlspair::status::ok));

    tlspair::context context;
    std::error_code code = busy;
    context.set_ciphers("HIGH", code);
    CHECK(!code);
    context.set_cert_file("/nonexistent", code);
    CHECK(code == tlspair::status::file);
    CHECK_VIEW(tlspair::last_error().name(), "ENOENT");
    CHECK(tlspair::last_error().system_code() == std::errc::no_such_file_or_directory);

    std::unique_ptr<tlspair::error> kept;
    CHECK_THROWN(tlspair::error, context.set_cert_file("/nonexistent"),
                 kept = std::make_unique<tlspair::error>(caught));
    CHECK_THROWN(std::system_error, context.set_cert("no PEM"), CHECK(caught.code() == tlspair::status::certificate));
    // The copy is another error's than this thread's last one.
    CHECK(kept->code() == tlspair::status::file);
    CHECK_VIEW(kept->name(), "ENOENT");
    CHECK(kept->system_code() == std::errc::no_such_file_or_directory);
    CHECK_TEXT(kept->what(), (std::string(kept->name()) + ": " + std::string(kept->message())).c_str());
    CHECK(kept->message().find("/nonexistent") != std::string_view::npos);
    CHECK_EQUAL(kept->verify_depth(), -1);
    CHECK_EQUAL(kept->verify_result(), 0);
    CHECK(kept->verify_subject().empty());

    // A failing constructor leaves nothing behind, or with a code, an empty object.
    tlspair::loop loop;
    CHECK_THROWN(tlspair::error, tlspair::server(loop, tlspair::context()),
                 CHECK(caught.code() == tlspair::status::invalid_state));
    const tlspair::server none(loop, tlspair::context(), code);
    CHECK(code == tlspair::status::invalid_state && !none);
    none.listen(0, code);
    CHECK(code == tlspair::status::invalid_handle);
    CHECK_EQUAL(none.port(), -1);
    loop.run_once(std::chrono::milliseconds(0), code);
    CHECK(!code);
    none.set_handshake_timeout(std::chrono::milliseconds(-1), code);
    CHECK(code == tlspair::status::invalid_argument);
    tlspair::context().set_session_cache(std::size_t(-1), code);
    CHECK(code == tlspair::status::invalid_argument);
}

static int function_calls;
static void function(int by) { function_calls += by; }

static void p5_callables_of_any_kind() {
    using callback = tlspair::callback<void(int)>;
    CHECK(!callback());
    CHECK(!callback(nullptr));
    CHECK(!callback(static_cast<void (*)(int)>(nullptr)));
    CHECK(!callback(std::function<void(int)>()));
    callback plain = function;
    plain(2);
    CHECK_EQUAL(function_calls, 2);

    int living = 0, calls = 0;
    {
        // Inside, and only movable.
        callback inside = [&calls, only = std::make_unique<int>(5), c = counted(&living)](int by) {
            calls += by + *only;
        };
        CHECK_EQUAL(living, 1);
        callback moved = std::move(inside);
        CHECK(!inside && moved); // NOLINT: what is left is empty
        moved(1);
        CHECK_EQUAL(calls, 6);
        // Too large to be inside.
        callback outside = [big = std::array<char, 200>{}, c = counted(&living), &calls](int by) mutable {
            big[0]++;
            calls = big[0] * by;
        };
        CHECK_EQUAL(living, 2);
        moved = std::move(outside);
        CHECK_EQUAL(living, 1);
        moved(10);
        moved(10);
        CHECK_EQUAL(calls, 20);
        moved = nullptr;
        CHECK_EQUAL(living, 0);
        moved = callback([c = counted(&living)](int) { return 1; }); // what it returns is ignored
        moved(1);
        std::function<void(int)> shared = [c = counted(&living)](int) {};
        moved = shared; // copied
        CHECK_EQUAL(living, 2);
    }
    CHECK_EQUAL(living, 0);
    static_assert(!std::is_constructible_v<callback, void (*)(std::string)>);
    static_assert(!std::is_copy_constructible_v<callback> && std::is_nothrow_move_constructible_v<callback>);
    static_assert(sizeof(callback) == 5 * sizeof(void *));
}

static void p5_handles_are_moved_only() {
    static_assert(!std::is_copy_constructible_v<tlspair::loop> && std::is_nothrow_move_constructible_v<tlspair::loop>);
    static_assert(!std::is_copy_constructible_v<tlspair::stream> && std::is_nothrow_move_assignable_v<tlspair::stream>);
    static_assert(!std::is_copy_constructible_v<tlspair::request>);
    static_assert(std::is_nothrow_move_constructible_v<tlspair::request>);
    static_assert(!std::is_copy_constructible_v<tlspair::certificate>);
    static_assert(!std::is_copy_constructible_v<tlspair::context>);
    static_assert(std::is_trivially_copyable_v<tlspair::stream_ref> && sizeof(tlspair::stream_ref) == sizeof(void *));
    static_assert(std::is_convertible_v<const tlspair::stream &, tlspair::stream_ref>);

    tlspair::loop first;
    const tlspair::loop_ref id = first;
    tlspair::loop second = std::move(first);
    CHECK(!first && second == id); // NOLINT
    first = std::move(second);
    CHECK(first == id);
    CHECK(first.fd() >= 0);
    first = tlspair::loop(); // the one before is freed
    CHECK_EQUAL(id.fd(), -1);
    tlspair::loop third(first.release());
    CHECK(!first && third.fd() >= 0);
    third.reset();
    CHECK(!third);
    third.close(); // nothing there: as free(NULL)

    const std::string pem = read_file_text("server-cert.pem");
    tlspair::certificate leaf = tlspair::certificate::parse(pem);
    const tlspair::certificate copy = leaf.copy();
    const std::string_view subject = copy.subject();
    leaf.reset();
    CHECK(subject.find("CN=") != std::string_view::npos); // the copy keeps it
    CHECK_VIEW(copy.subject_field("CN"), copy.subject().substr(copy.subject().find("CN=") + 3));
    CHECK(copy.der() == tlspair::certificate::parse(copy.der()).der());
    CHECK(!copy.public_key().empty() && copy.json().front() == '{');
    CHECK(!tlspair::certificate::parse(read_file_text("ca.pem")).issuer_certificate()); // a root
    tlspair::check_server_identity(copy, "localhost");
    CHECK_THROWN(tlspair::error, tlspair::check_server_identity(copy, "other.example"),
                 CHECK_VIEW(caught.name(), "ERR_TLS_CERT_ALTNAME_INVALID"));
    CHECK_THROWS(tlspair::error, tlspair::certificate::parse("nonsense"));
    CHECK(std::hash<tlspair::stream_ref>()(tlspair::stream_ref()) == std::hash<tlspair::stream_ref>()({}));
    CHECK(!tlspair::version().empty() && tlspair::version_number() > 0 && !tlspair::openssl_version().empty());
    CHECK(tlspair::ciphers().find("tls_aes_128_gcm_sha256") != std::string_view::npos);
}

static void s85_ticket_rings() {
    tlspair::ticket_ring ring;
    CHECK_EQUAL(ring.key_count(), 1);
    ring.add_key(std::string(16, 'n') + std::string(32, 'k'));
    ring.set_grace_period(std::chrono::minutes(1));
    ring.set_max_keys(3);
    ring.rotate();
    ring.add_secret(std::string(32, 's'), std::chrono::hours(1));
    CHECK_EQUAL(ring.key_count(), 3);
    const std::vector<std::uint8_t> keys = ring.export_keys();
    tlspair::ticket_ring other;
    other.import_keys(keys);
    CHECK_EQUAL(other.key_count(), 3);
    std::error_code code;
    other.import_keys("nonsense", code);
    CHECK(code == tlspair::status::key && tlspair::last_error().name() == "ERR_INVALID_TICKET_KEYS");
    other.import_nginx({std::string_view("nginx's name 123" "0123456789abcdef" "0123456789abcdef")});
    CHECK_EQUAL(other.key_count(), 1);
    other.set_foreign_id_context("haproxy");
    other.set_nginx_id_context({read_file_text("server-cert.pem")}, {});
    other.import_haproxy("", code);
    CHECK(bool(code));
    CHECK(tlspair::ticket_ring(nullptr).export_keys(code).empty() && code == tlspair::status::invalid_handle);
    tlspair::context context;
    context.set_num_tickets(1);
    context.set_ticket_keys(std::string(48, 'x'));
    CHECK_EQUAL(context.ticket_keys()[47], 'x');
    context.set_ticket_ring(ring);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN_TEST(p5_bytes_come_from_everything);
    RUN_TEST(c010_c015_c016_texts_with_a_nul_are_refused);
    RUN_TEST(s73_utf8_in_pieces);
    RUN_TEST(p5_codes_and_exceptions);
    RUN_TEST(p5_callables_of_any_kind);
    RUN_TEST(p5_handles_are_moved_only);
    RUN_TEST(s85_ticket_rings);
    return check_end();
}
