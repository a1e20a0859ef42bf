"""What ctypes would cut short or misread is refused before C sees it."""

import pytest
import tlspair


@pytest.fixture
def context():
    return tlspair.Context()


@pytest.fixture
def pair(context):
    with tlspair.SecurePair(context) as pair:
        yield pair


def test_c015_c016_embedded_nul(loop, context, server_context, pair):
    options = tlspair.ConnectOptions()
    evil = "good.example\0.evil"
    for call in (
        lambda: tlspair.connect(loop, 443, evil),
        lambda: options.set_servername(evil),
        lambda: options.set_verify_name(evil),
        lambda: tlspair.ConnectOptions(context, evil),
        lambda: pair.set_servername(evil),
        lambda: pair.set_verify_name(evil),
        lambda: tlspair.Server(loop, server_context).listen(0, evil),
        lambda: tlspair.Server(loop, server_context).listen_path(evil),
        lambda: options.set_path(evil),
        lambda: options.set_path(b"\0abstract"),
        lambda: context.set_ciphers(evil),
        lambda: context.set_secure_protocol(evil),
        lambda: context.set_min_version(evil),
        lambda: context.set_cert_file(evil),
        lambda: context.add_ca_file(b"a\0b"),
    ):
        with pytest.raises(ValueError, match="embedded NUL"):
            call()


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "two words", "b\u00fccher.example", "a" * 64 + ".example", "a." * 127 + "a", "a" * 65536],
    ids=["empty", "dot", "empty-label", "blank", "non-ascii", "long-label", "255-bytes", "64-KiB"],
)
def test_c015_c016_unusable_names(loop, context, server_context, pair, name):
    """The library refuses them, before anything is looked up or called."""
    options = tlspair.ConnectOptions()
    for call in (
        lambda: tlspair.connect(loop, 443, name),
        lambda: options.set_servername(name),
        lambda: options.set_verify_name(name),
        lambda: pair.set_servername(name),
        lambda: pair.set_verify_name(name),
        lambda: tlspair.Server(loop, server_context).listen(0, name),
    ):
        with pytest.raises(tlspair.TLSError) as caught:
            call()
        assert caught.value.status == tlspair.constant.TLS_ERR_INVALID_ARGUMENT


def test_numbers_are_not_cut_to_size(loop, context, server_context, pair):
    server = tlspair.Server(loop, server_context)
    for call in (
        lambda: tlspair.connect(loop, 2**32 + 443, "localhost"),
        lambda: tlspair.connect(loop, 0, "localhost"),
        lambda: server.listen(-1),
        lambda: server.listen(65536),
        lambda: server.set_max_connections(-1),
        lambda: server.set_handshake_timeout(-0.5),
        lambda: server.set_handshake_timeout(float("nan")),
        lambda: pair.set_high_water_mark(2**64),
        lambda: pair.take(-1),
        lambda: loop.run_once(-1),
        lambda: loop.set_slab_buffer_size(-1),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        server.listen("443")
    with pytest.raises(TypeError):
        server.listen(443.0)


def test_c074_a_switch_is_a_bool(loop, context, server_context):
    """A wrong type must never turn verification off."""
    options, server = tlspair.ConnectOptions(), tlspair.Server(loop, server_context)
    for wrong in (None, 0, 1, "", "no", []):
        for call in (
            lambda: options.set_reject_unauthorized(wrong),
            lambda: server.set_reject_unauthorized(wrong),
            lambda: server.set_request_cert(wrong),
            lambda: tlspair.SecurePair(context, reject_unauthorized=wrong),
            lambda: tlspair.SecurePair(context, is_server=wrong),
        ):
            with pytest.raises(TypeError):
                call()


def test_data_is_bytes(pair):
    for wrong in ("text", 5, None, [1, 2]):
        with pytest.raises(TypeError):
            pair.write(wrong)
        with pytest.raises(TypeError):
            pair.feed(wrong)


def test_callbacks_can_be_called(loop, pair):
    for call in (lambda: pair.on_data(5), lambda: loop.post("f"), lambda: tlspair.connect(loop, 1, "", None, "f")):
        with pytest.raises(TypeError):
            call()


def test_objects_of_the_right_kind(loop, context):
    for call in (
        lambda: tlspair.Server(context, loop),
        lambda: tlspair.Server(loop, loop),
        lambda: tlspair.SecurePair(loop),
        lambda: tlspair.connect(context, 443),
        lambda: tlspair.connect(loop, 443, "localhost", context),
        lambda: tlspair.ConnectOptions(loop),
    ):
        with pytest.raises(TypeError):
            call()


def test_no_context_is_an_error(loop):
    for call in (lambda: tlspair.Server(loop, None), lambda: tlspair.SecurePair(None)):
        with pytest.raises(tlspair.TLSError) as caught:
            call()
        assert caught.value.status == tlspair.constant.TLS_ERR_INVALID_HANDLE
