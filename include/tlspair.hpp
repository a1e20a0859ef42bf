/// @file
/// The C++ face of tlspair: C++17, header-only, over `<tlspair.h>`.
///
/// Names are those of the C interface without their prefix: `tls_server_listen(server, port, host)` is
/// `server.listen(port, host)`. What a function does in full, its units and its errors are said there, at
/// the function of the same name. What is different in C++ is said here, and at more length in docs/cpp.md.
///
/// **Ownership.** `tlspair::stream`, `server`, `secure_pair`, `loop`, `context`, ... own what they hold
/// and can only be moved; their destructor ends it. `stream_ref`, `server_ref`, ... are the same by its
/// id: they own nothing, can be copied, and never dangle, because each call checks the id. Callbacks
/// get references. A server's streams are nobody's until `stream_ref::take`: they live until their close
/// event. `get()` gives the handle for the C interface, whose user data is the wrapper's.
///
/// **Callbacks** are any callables, also such as can only be moved. They live with the handle: until they are
/// replaced, or its close event is over (a pair: until it is freed). One allocation serves all callables of
/// a handle, up to four pointers' worth of captures each.
///
/// **Exceptions** of callbacks are caught before they reach C and thrown again by the call that ran the callback:
/// `loop::run`, `run_once`, `close`, the pair's functions, `request::resolve_...`. The first one counts;
/// callbacks that are due meanwhile are called as always, and what they throw goes to
/// `set_lost_exception_handler`.
///
/// **Failures** are thrown as `tlspair::error`, a std::system_error; or put into the std::error_code that
/// is given as the last argument (`code_or_throw`). Getters do not fail: they are empty.
///
/// **Texts** with a NUL inside are refused where C would cut them short.

#ifndef TLSPAIR_HPP
#define TLSPAIR_HPP

#if defined(_MSVC_LANG) ? _MSVC_LANG < 201703L : __cplusplus < 201703L
#error "tlspair.hpp needs C++17"
#endif

#include "tlspair.h"

#include "tlspair/bytes.hpp"
#include "tlspair/callback.hpp"
#include "tlspair/certificate.hpp"
#include "tlspair/connect.hpp"
#include "tlspair/context.hpp"
#include "tlspair/error.hpp"
#include "tlspair/library.hpp"
#include "tlspair/loop.hpp"
#include "tlspair/request.hpp"
#include "tlspair/secure_pair.hpp"
#include "tlspair/server.hpp"
#include "tlspair/stream.hpp"
#include "tlspair/text.hpp"
#include "tlspair/ticket_ring.hpp"

#endif
