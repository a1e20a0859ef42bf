#include "functions.h"

void *good[KINDS];

static uint8_t buffer[256];
static size_t length;

/* What functions with output parameters find there before the call. */
static size_t *fresh_length(void) {
    length = 0;
    return &length;
}

static const char *const names[] = {"x"};

/* One row, and a batch of one. */
static uint64_t row[TLS_ROW_WORDS];
static const uint64_t row_lengths[] = {1};
static int32_t row_statuses[1];
static const void *const files[] = {"x"};
static const size_t lengths[] = {1};

/* X(KIND, RESULT, FLAGS, name, arguments): `h` is the handle. */
#define ALL_FUNCTIONS(X) \
    X(ERROR, STATUS, ACCESSOR, tls_error_status, (h)) \
    X(ERROR, POINTER, ACCESSOR, tls_error_name, (h)) \
    X(ERROR, POINTER, ACCESSOR, tls_error_message, (h)) \
    X(ERROR, ZERO, ACCESSOR, tls_error_errno, (h)) \
    X(ERROR, ZERO, ACCESSOR, tls_error_verify_result, (h)) \
    X(ERROR, MINUS, ACCESSOR, tls_error_verify_depth, (h)) \
    X(ERROR, POINTER, ACCESSOR, tls_error_verify_subject, (h)) \
    X(ERROR, ZERO, ACCESSOR, tls_error_openssl_count, (h)) \
    X(ERROR, ZERO, ACCESSOR, tls_error_openssl_code, (h, 0)) \
    X(ERROR, POINTER, ACCESSOR, tls_error_openssl_text, (h, 0)) \
    X(ERROR, POINTER, ANY_THREAD, tls_error_copy, (h)) \
    X(ERROR, STATUS, FREE, tls_error_free, (h)) \
    X(CONTEXT, STATUS, FREE, tls_context_free, (h)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_cert, (h, "x", 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_cert_file, (h, "/nonexistent")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_key, (h, "x", 1, NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_key_file, (h, "/nonexistent", NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_identity, (h, "x", 1, "x", 1, NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_identity_file, (h, "/nonexistent", "/nonexistent", NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_add_ca, (h, "x", 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_add_ca_file, (h, "/nonexistent")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_clear_ca, (h)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_add_crl, (h, "x", 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_add_crl_file, (h, "/nonexistent")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_ciphers, (h, "HIGH")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_honor_cipher_order, (h, 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_secure_protocol, (h, "TLS_method")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_min_version, (h, "TLSv1.2")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_max_version, (h, "TLSv1.3")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_pfx, (h, "x", 1, NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_pfx_file, (h, "/nonexistent", NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_groups, (h, "auto")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_dhparam, (h, "auto", 4)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_dhparam_file, (h, "/nonexistent")) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_secure_options, (h, 0)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_session_id_context, (h, "x", 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_client_auth, (h, TLS_CLIENT_AUTH_NONE)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_user_data, (h, NULL, NULL)) \
    X(CONTEXT, POINTER, ANY_THREAD, tls_context_user_data, (h)) \
    X(CERTIFICATE, STATUS, FREE, tls_certificate_free, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_copy, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_issuer_certificate, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_json, (h, 0)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_subject, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_issuer, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_subject_field, (h, "CN", 0)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_issuer_field, (h, "CN", 0)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_subjectaltname, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_alt_name, (h, 0)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_info_access, (h)) \
    X(CERTIFICATE, ZERO, ANY_THREAD, tls_certificate_ca, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_valid_from, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_valid_to, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_fingerprint, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_fingerprint256, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_fingerprint512, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_serial_number, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_ext_key_usage, (h, 0)) \
    X(CERTIFICATE, ZERO, ANY_THREAD, tls_certificate_bits, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_modulus, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_exponent, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_asn1_curve, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_nist_curve, (h)) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_public_key, (h, fresh_length())) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_der, (h, fresh_length())) \
    X(CERTIFICATE, POINTER, ANY_THREAD, tls_certificate_pem, (h)) \
    X(CERTIFICATE, STATUS, ANY_THREAD, tls_check_server_identity, (h, "localhost")) \
    X(CONTEXT, POINTER, ANY_THREAD, tls_secure_pair_new, (h, 0, 0, 1)) \
    X(PAIR, STATUS, FREE, tls_secure_pair_free, (h)) \
    X(PAIR, STATUS, FREE, tls_secure_pair_destroy, (h)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_servername, (h, "localhost")) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_verify_name, (h, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_high_water_mark, (h, 1)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_session, (h, "x", 1)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_start, (h)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_feed, (h, "x", 1, fresh_length())) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_feed_eof, (h)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_take, (h, buffer, sizeof buffer, fresh_length())) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_read, (h, buffer, sizeof buffer, fresh_length())) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_write, (h, "x", 1)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_end, (h)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_encrypted, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_data, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_secure, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_drain, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_end, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_error, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_close, (h, NULL, NULL)) \
    X(PAIR, ZERO, ANY_THREAD, tls_secure_pair_secure, (h)) \
    X(PAIR, ZERO, ANY_THREAD, tls_secure_pair_authorized, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_authorization_error, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_peer_certificate, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_cipher_name, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_cipher_standard_name, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_protocol, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_servername, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_session, (h, fresh_length())) \
    X(PAIR, ZERO, ANY_THREAD, tls_secure_pair_session_reused, (h)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_user_data, (h, NULL, NULL)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_user_data, (h)) \
    X(LOOP, STATUS, OWNER_FREE, tls_loop_free, (h)) \
    X(LOOP, STATUS, OWNER, tls_loop_run, (h)) \
    X(LOOP, STATUS, OWNER, tls_loop_run_once, (h, 0)) \
    X(LOOP, STATUS, ANY_THREAD, tls_loop_stop, (h)) \
    X(LOOP, STATUS, ANY_THREAD, tls_loop_post, (h, post_nothing, NULL, NULL)) \
    X(LOOP, MINUS, OWNER, tls_loop_fd, (h)) \
    X(LOOP, MINUS, OWNER, tls_loop_next_timeout_ms, (h)) \
    X(LOOP, STATUS, OWNER, tls_loop_detach, (h)) \
    X(LOOP, STATUS, OWNER, tls_loop_set_slab_buffer_size, (h, TLS_SLAB_BUFFER_SIZE)) \
    X(LOOP, STATUS, OWNER, tls_loop_set_user_data, (h, NULL, NULL)) \
    X(LOOP, POINTER, OWNER, tls_loop_user_data, (h)) \
    X(LOOP, STATUS, OWNER, tls_loop_set_row_kinds, (h, TLS_ROW_KINDS_DEFAULT)) \
    X(LOOP, STATUS, OWNER, tls_loop_poll, (h, row, TLS_ROW_WORDS, 1, buffer, sizeof buffer, 0)) \
    X(LOOP, STATUS, OWNER, tls_loop_write_batch, (h, 1, row, row_lengths, "x", row_statuses)) \
    X(LOOP, POINTER, OWNER, tls_server_new, (h, good[CONTEXT])) \
    X(SERVER, STATUS, OWNER, tls_server_listen, (h, 0, "127.0.0.1")) \
    X(SERVER, STATUS, OWNER, tls_server_listen_path, (h, "/nonexistent/socket")) \
    X(SERVER, STATUS, OWNER, tls_server_listen_fd, (h, -1, 0)) \
    X(SERVER, POINTER, OWNER, tls_server_accept_fd, (h, -1, 0, NULL, 0)) \
    X(SERVER, POINTER, OWNER, tls_server_accept_stream, (h, good[STREAM], "x", 1)) \
    X(SERVER, STATUS, OWNER, tls_server_ref, (h)) \
    X(SERVER, STATUS, OWNER, tls_server_unref, (h)) \
    X(SERVER, STATUS, OWNER, tls_server_close, (h)) \
    X(SERVER, STATUS, OWNER_FREE, tls_server_destroy, (h)) \
    X(SERVER, POINTER, OWNER, tls_server_address, (h)) \
    X(SERVER, MINUS, OWNER, tls_server_port, (h)) \
    X(SERVER, POINTER, OWNER, tls_server_family, (h)) \
    X(SERVER, STATUS, OWNER, tls_server_set_handshake_timeout, (h, 1)) \
    X(SERVER, STATUS, OWNER, tls_server_set_max_connections, (h, 1)) \
    X(SERVER, MINUS, OWNER, tls_server_connections, (h)) \
    X(SERVER, STATUS, OWNER, tls_server_set_request_cert, (h, 1)) \
    X(SERVER, STATUS, OWNER, tls_server_set_reject_unauthorized, (h, 1)) \
    X(SERVER, STATUS, OWNER, tls_server_on_listening, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_secure_connection, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_client_error, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_error, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_close, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_set_user_data, (h, NULL, NULL)) \
    X(SERVER, POINTER, OWNER, tls_server_user_data, (h)) \
    X(OPTIONS, STATUS, FREE, tls_connect_options_free, (h)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_context, (h, good[CONTEXT])) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_servername, (h, "localhost")) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_verify_name, (h, NULL)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_reject_unauthorized, (h, 1)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_fd, (h, 0, 0)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_stream, (h, good[STREAM])) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_received_bytes, (h, NULL, 0)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_path, (h, NULL)) \
    X(LOOP, POINTER, OWNER, tls_connect, (h, 9, "127.0.0.1", good[OPTIONS], NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_write, (h, "x", 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_end, (h)) \
    X(STREAM, STATUS, OWNER_FREE, tls_stream_destroy, (h)) \
    X(STREAM, STATUS, OWNER, tls_stream_pause, (h)) \
    X(STREAM, STATUS, OWNER, tls_stream_resume, (h)) \
    X(STREAM, STATUS, OWNER, tls_stream_pipe, (h, good[STREAM])) \
    X(STREAM, STATUS, OWNER, tls_stream_set_high_water_mark, (h, 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_set_allow_half_open, (h, 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_set_timeout, (h, 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_set_no_delay, (h, 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_set_keep_alive, (h, 1, 1000)) \
    X(STREAM, STATUS, OWNER, tls_stream_unref, (h)) \
    X(STREAM, STATUS, OWNER, tls_stream_ref, (h)) \
    X(STREAM, ZERO, OWNER, tls_stream_bytes_written, (h)) \
    X(STREAM, ZERO, OWNER, tls_stream_bytes_read, (h)) \
    X(STREAM, ZERO, OWNER, tls_stream_writable_length, (h)) \
    X(STREAM, ZERO, OWNER, tls_stream_secure, (h)) \
    X(STREAM, ZERO, OWNER, tls_stream_authorized, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_authorization_error, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_peer_certificate, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_cipher_name, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_cipher_standard_name, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_protocol, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_servername, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_local_address, (h)) \
    X(STREAM, MINUS, OWNER, tls_stream_local_port, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_remote_address, (h)) \
    X(STREAM, MINUS, OWNER, tls_stream_remote_port, (h)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_secure_connect, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_data, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_end, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_drain, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_error, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_close, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_timeout, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_set_user_data, (h, NULL, NULL)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_alpn_protocols, (h, names, 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_alpn_buffer, (h, "\x01x", 2)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_npn_protocols, (h, names, 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_npn_buffer, (h, "\x01x", 2)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_ticket_ring, (h, good[TICKET_RING])) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_ticket_keys, (h, "x", 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_ticket_keys, (h, buffer, 1)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_num_tickets, (h, 2)) \
    X(TICKET_RING, STATUS, FREE, tls_ticket_ring_free, (h)) \
    X(TICKET_RING, MINUS, ANY_THREAD, tls_ticket_ring_key_count, (h)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_rotate, (h)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_add_key, (h, "x", 1)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_add_secret, (h, "x", 1, 1000)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_set_max_keys, (h, 2)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_set_grace_period, (h, 0)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_export, (h, buffer, sizeof buffer, fresh_length())) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_import, (h, "x", 1)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_import_nginx, (h, files, lengths, 1)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_import_haproxy, (h, "x", 1)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_set_foreign_id_context, (h, "x", 1)) \
    X(TICKET_RING, STATUS, ANY_THREAD, tls_ticket_ring_set_nginx_id_context, (h, files, lengths, 1, NULL, 0)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_alpn_protocols, (h, names, 1)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_alpn_buffer, (h, "\x01x", 2)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_npn_protocols, (h, names, 1)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_npn_buffer, (h, "\x01x", 2)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_add_context, (h, "localhost", good[CONTEXT])) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_remove_context, (h, "localhost")) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_sni, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_check_certificate, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_check_identity, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_ready, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_client_renegotiation, (h, 3, 1000)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_renegotiate, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_disable_renegotiation, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_alpn_protocol, (h)) \
    X(PAIR, POINTER, ANY_THREAD, tls_secure_pair_npn_protocol, (h)) \
    X(SERVER, STATUS, OWNER, tls_server_set_alpn_protocols, (h, names, 1)) \
    X(SERVER, STATUS, OWNER, tls_server_set_alpn_buffer, (h, "\x01x", 2)) \
    X(SERVER, STATUS, OWNER, tls_server_set_npn_protocols, (h, names, 1)) \
    X(SERVER, STATUS, OWNER, tls_server_set_npn_buffer, (h, "\x01x", 2)) \
    X(SERVER, STATUS, OWNER, tls_server_add_context, (h, "localhost", good[CONTEXT])) \
    X(SERVER, STATUS, OWNER, tls_server_remove_context, (h, "localhost")) \
    X(SERVER, STATUS, OWNER, tls_server_on_sni, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_check_certificate, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_set_client_renegotiation, (h, 3, 1000)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_alpn_protocols, (h, names, 1)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_alpn_buffer, (h, "\x01x", 2)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_npn_protocols, (h, names, 1)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_npn_buffer, (h, "\x01x", 2)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_check_identity, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_renegotiate, (h, NULL, NULL)) \
    X(STREAM, STATUS, OWNER, tls_stream_disable_renegotiation, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_alpn_protocol, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_npn_protocol, (h)) \
    X(REQUEST, STATUS, ANY_THREAD, tls_request_resolve_context, (h, NULL)) \
    X(REQUEST, STATUS, ANY_THREAD, tls_request_resolve_verdict, (h, 1)) \
    X(REQUEST, STATUS, ANY_THREAD, tls_request_reject, (h, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_new_session, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_on_resume_session, (h, NULL, NULL)) \
    X(SERVER, STATUS, OWNER, tls_server_set_resume_session_timeout, (h, 5000)) \
    X(SERVER, STATUS, OWNER, tls_server_set_session_tickets, (h, 1)) \
    X(SERVER, MINUS, OWNER, tls_server_session_count, (h, TLS_SESSIONS_FULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_new_session, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_resume_session, (h, NULL, NULL)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_set_session_tickets, (h, 1)) \
    X(REQUEST, STATUS, ANY_THREAD, tls_request_resolve_session, (h, NULL, 0)) \
    X(REQUEST, STATUS, ANY_THREAD, tls_request_resolve_unavailable, (h)) \
    X(CONTEXT, STATUS, ANY_THREAD, tls_context_set_session_cache, (h, 1)) \
    X(CONTEXT, MINUS, ANY_THREAD, tls_context_session_cache_count, (h, TLS_SESSION_CACHE_ENTRIES)) \
    X(PAIR, STATUS, ANY_THREAD, tls_secure_pair_on_session, (h, NULL, NULL)) \
    X(OPTIONS, STATUS, ANY_THREAD, tls_connect_options_set_session, (h, "x", 1)) \
    X(STREAM, STATUS, OWNER, tls_stream_on_session, (h, NULL, NULL)) \
    X(STREAM, POINTER, OWNER, tls_stream_session, (h, fresh_length())) \
    X(STREAM, ZERO, OWNER, tls_stream_session_reused, (h)) \
    X(STREAM, POINTER, OWNER, tls_stream_user_data, (h))

static void post_nothing(tls_loop *loop, void *user_data) {
    (void)loop;
    (void)user_data;
}

#define RESULT_STATUS(call) (call)
#define RESULT_ZERO(call) (int64_t)(call)
#define RESULT_MINUS(call) (int64_t)(call)
#define RESULT_POINTER(call) (int64_t)(intptr_t)(call)
#define REFUSED_STATUS TLS_ERR_INVALID_HANDLE
#define REFUSED_ZERO 0
#define REFUSED_MINUS (-1)
#define REFUSED_POINTER 0
#define ANSWERS_STATUS true
#define ANSWERS_ZERO false
#define ANSWERS_MINUS false
#define ANSWERS_POINTER false
#define FLAGS_ACCESSOR true, true, false
#define FLAGS_ANY_THREAD false, true, false
#define FLAGS_FREE false, true, true
#define FLAGS_OWNER false, false, false
#define FLAGS_OWNER_FREE false, false, true

#define DEFINE_CALL(kind, result, flags, name, arguments) \
    static int64_t call_##name(void *h) { return RESULT_##result(name arguments); }
#define TABLE_ROW(kind, result, flags, name, arguments) \
    {#name, kind, call_##name, REFUSED_##result, ANSWERS_##result, FLAGS_##flags},

ALL_FUNCTIONS(DEFINE_CALL)

/* The second handle of those that take two. */
static int64_t call_server_new_context(void *h) {
    return (int64_t)(intptr_t)tls_server_new(good[LOOP], h);
}
static int64_t call_connect_options(void *h) {
    return (int64_t)(intptr_t)tls_connect(good[LOOP], 9, "127.0.0.1", h, NULL, NULL);
}
static int64_t call_context_ticket_ring(void *h) {
    return tls_context_set_ticket_ring(good[CONTEXT], h);
}
static int64_t call_options_context(void *h) {
    return tls_connect_options_set_context(good[OPTIONS], h);
}
static int64_t call_options_stream(void *h) {
    return tls_connect_options_set_stream(good[OPTIONS], h);
}
static int64_t call_accept_stream(void *h) {
    return (int64_t)(intptr_t)tls_server_accept_stream(good[SERVER], h, NULL, 0);
}
/* It answers how many statuses are not TLS_OK. */
static int64_t call_batch_stream(void *h) {
    uint64_t stream = (uint64_t)(uintptr_t)h;
    return tls_loop_write_batch(good[LOOP], 1, &stream, row_lengths, "x", row_statuses);
}
static int64_t call_pipe_destination(void *h) {
    return tls_stream_pipe(good[STREAM], h);
}

const struct function functions[] = {
    ALL_FUNCTIONS(TABLE_ROW)
    {"tls_server_new (context)", CONTEXT, call_server_new_context, 0, false, false, true, false},
    {"tls_connect (options)", OPTIONS, call_connect_options, 0, false, false, true, true},
    {"tls_context_set_ticket_ring (ring)", TICKET_RING, call_context_ticket_ring,
        TLS_ERR_INVALID_HANDLE, true, false, true, false},
    {"tls_connect_options_set_context (context)", CONTEXT, call_options_context,
        TLS_ERR_INVALID_HANDLE, true, false, true, true},
    {"tls_connect_options_set_stream (stream)", STREAM, call_options_stream, TLS_ERR_INVALID_HANDLE,
        true, false, false, false},
    {"tls_server_accept_stream (stream)", STREAM, call_accept_stream, 0, false, false, false, false},
    {"tls_loop_write_batch (stream)", STREAM, call_batch_stream, 1, true, false, false, false},
    {"tls_stream_pipe (destination)", STREAM, call_pipe_destination, TLS_ERR_INVALID_HANDLE,
        true, false, false, false},
};
const size_t function_count = sizeof functions / sizeof functions[0];
