//! Decisions that wait: a question goes up as an event, and its answer comes back through a
//! [`Request`], at once or later, from any thread. A connection has one open question at a time.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::context::{Certificate, FrozenContext};
use crate::error::{Error, Result, Status};

/// What is to be decided.
pub enum Question {
    /// A server: which context for this name? The answer is [`Answer::Context`].
    ServerName(String),
    /// A client: is this certificate, whose chain is good, the one of `name`? [`Answer::Verdict`].
    Identity {
        certificate: Certificate,
        /// `None`: there is no name to verify.
        name: Option<String>,
    },
    /// A server that keeps sessions outside: what is kept under this id? [`Answer::Session`].
    Session(Vec<u8>),
    /// A server: is this client, whose certificate is good, welcome? [`Answer::Verdict`].
    ClientCertificate(Certificate),
}

impl Question {
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Question::ServerName(_) | Question::Session(_) => None,
            Question::Identity { certificate, .. } | Question::ClientCertificate(certificate) => {
                Some(certificate)
            }
        }
    }

    /// What happens when nobody is there to be asked: a name is served as if there were no question,
    /// a certificate is refused.
    pub fn unasked(&self) -> Answer {
        match self {
            Question::ServerName(_) => Answer::Context(None),
            Question::Session(_) => Answer::Session(None),
            _ => Answer::Reject(Some("there is no callback to ask".into())),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Question::ServerName(_) => Kind::Context,
            Question::Session(_) => Kind::Session,
            Question::Identity { .. } | Question::ClientCertificate(_) => Kind::Verdict,
        }
    }
}

#[derive(Clone)]
pub enum Answer {
    /// `None`: whatever would be used without the question.
    Context(Option<Arc<FrozenContext>>),
    Verdict(bool),
    /// What was kept; `None`: nothing.
    Session(Option<Vec<u8>>),
    /// Nobody answered in time: as if nothing was kept.
    TooLate,
    /// What was kept cannot be had now: as if it was not.
    Unavailable,
    /// Refused, for a reason in words.
    Reject(Option<String>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Context,
    Verdict,
    Session,
}

impl Kind {
    fn fits(self, answer: &Answer) -> bool {
        match answer {
            Answer::Context(_) => self == Kind::Context,
            Answer::Verdict(_) => self == Kind::Verdict,
            Answer::Session(_) | Answer::TooLate | Answer::Unavailable => self == Kind::Session,
            Answer::Reject(_) => true,
        }
    }

    /// What to call instead.
    fn hint(self) -> &'static str {
        match self {
            Kind::Context => {
                "this request is about a server name: resolve it with \
                 tls_request_resolve_context, or reject it"
            }
            Kind::Verdict => {
                "this request is about a certificate: resolve it with \
                 tls_request_resolve_verdict, or reject it"
            }
            Kind::Session => {
                "this request is about a session: resolve it with \
                 tls_request_resolve_session, or reject it"
            }
        }
    }
}

type Notify = Box<dyn Fn() + Send + Sync>;
type Forget = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    used_up: bool,
    /// The asker has gone on to other work: it must be told of the answer.
    waits: bool,
    /// Whoever gave the request a name forgets it.
    forget: Option<Forget>,
}

/// The place for one answer. The connection holds it; with the connection the question is gone.
pub struct Request {
    kind: Kind,
    state: Mutex<State>,
    notify: Notify,
}

impl Request {
    /// `notify` is called, on the answering thread, when the asker waits.
    pub fn new(question: &Question, notify: impl Fn() + Send + Sync + 'static) -> Arc<Request> {
        Arc::new(Request {
            kind: question.kind(),
            state: Mutex::default(),
            notify: Box::new(notify),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// To be called when the question is gone, answered or not.
    pub fn on_gone(&self, forget: impl FnOnce() + Send + 'static) {
        self.lock().forget = Some(Box::new(forget));
    }

    /// Answers the question.
    ///
    /// # Errors
    /// `InvalidArgument`: an answer of another kind, which does not use the request up.
    /// `InvalidHandle`: it was answered before.
    pub fn answer(&self, answer: Answer) -> Result<()> {
        if !self.kind.fits(&answer) {
            return Err(Error::argument(self.kind.hint()));
        }
        let (waits, forget) = {
            let mut state = self.lock();
            if state.used_up {
                // What its handle answers from now on; this call only came before that was gone.
                return Err(Error::new(
                    Status::InvalidHandle,
                    "ERR_INVALID_HANDLE",
                    "the request was answered already",
                ));
            }
            state.used_up = true;
            state.answer = Some(answer);
            (state.waits, state.forget.take())
        };
        if let Some(forget) = forget {
            forget();
        }
        if waits {
            (self.notify)();
        }
        Ok(())
    }

    /// The answer, once; without one yet, the asker is told when it comes.
    pub fn take_or_wait(&self) -> Option<Answer> {
        let mut state = self.lock();
        state.waits = true;
        state.answer.take()
    }

    /// Answers for a store that takes too long, if it has not answered.
    pub fn expire(&self) {
        if self.kind == Kind::Session {
            let _ = self.answer(Answer::TooLate);
        }
    }

    /// The question is gone, though somebody may still hold the request.
    pub fn cancel(&self) {
        let forget = {
            let mut state = self.lock();
            state.used_up = true;
            state.forget.take()
        };
        if let Some(forget) = forget {
            forget();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counted() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let ours = Arc::clone(&count);
        let add = move || {
            ours.fetch_add(1, Ordering::Relaxed);
        };
        (count, add)
    }

    #[test]
    fn s22_an_answer_of_another_kind_does_not_use_the_request_up() {
        let (told, tell) = counted();
        let request = Request::new(&Question::ServerName("a".into()), tell);
        let wrong = request.answer(Answer::Verdict(true)).unwrap_err();
        assert_eq!(wrong.status, Status::InvalidArgument);
        request.answer(Answer::Context(None)).unwrap();
        let again = request.answer(Answer::Context(None)).unwrap_err();
        assert_eq!(again.status, Status::InvalidHandle);
        assert!(matches!(
            request.take_or_wait(),
            Some(Answer::Context(None))
        ));
        assert_eq!(told.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn s22_who_waits_is_told_and_names_are_forgotten_once() {
        let (told, tell) = counted();
        let (forgotten, forget) = counted();
        let request = Request::new(&Question::ServerName("a".into()), tell);
        request.on_gone(forget);
        assert!(request.take_or_wait().is_none());
        request.answer(Answer::Reject(None)).unwrap();
        assert_eq!(told.load(Ordering::Relaxed), 1);
        drop(request);
        assert_eq!(forgotten.load(Ordering::Relaxed), 1);
    }
}
