//! SASL as brokers speak it, with a reason for a refusal that tells too much.

use bytes::Bytes;
use kafka_protocol::messages::{
    RequestKind, ResponseKind, SaslAuthenticateResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;

const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// Who may ask.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) mechanism: Mechanism,
    /// What is said to prove it: the password of `me`, or the token.
    pub(crate) secret: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    OAuthBearer,
}

/// How far the login of a connection has come.
#[derive(Debug, Default)]
pub(super) struct Talk {
    is_known: bool,
    is_refused: bool,
}

impl Talk {
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    pub(super) fn answer(&mut self, login: &Login, request: &RequestKind) -> ResponseKind {
        match request {
            RequestKind::SaslHandshake(asked) => {
                let name = login.mechanism.name();
                let error = if *asked.mechanism == *name { 0 } else { UNSUPPORTED_SASL_MECHANISM };
                let answer = SaslHandshakeResponse::default()
                    .with_error_code(error)
                    .with_mechanisms(vec![StrBytes::from_static_str(name)]);
                ResponseKind::SaslHandshake(answer)
            }
            RequestKind::SaslAuthenticate(asked) => {
                ResponseKind::SaslAuthenticate(self.judge(login, &asked.auth_bytes))
            }
            other => panic!("{other:?}"),
        }
    }

    fn judge(&mut self, login: &Login, said: &[u8]) -> SaslAuthenticateResponse {
        let said = String::from_utf8_lossy(said).into_owned();
        let answer = SaslAuthenticateResponse::default();
        if said == login.wanted() {
            self.is_known = true;
            return answer;
        }
        // The first refusal of a token is a reason in JSON, to which the client has to nod.
        if login.mechanism == Mechanism::OAuthBearer && !self.is_refused {
            self.is_refused = true;
            let why = format!("{{\"status\":\"invalid_token\",\"of\":{said:?}}}");
            return answer.with_auth_bytes(Bytes::from(why));
        }
        let why = format!("no such login:\n{said:?}");
        answer
            .with_error_code(SASL_AUTHENTICATION_FAILED)
            .with_error_message(Some(StrBytes::from_string(why)))
    }
}

impl Login {
    fn wanted(&self) -> String {
        match self.mechanism {
            Mechanism::Plain => format!("\0me\0{}", self.secret),
            Mechanism::OAuthBearer => format!("n,,\x01auth=Bearer {}\x01\x01", self.secret),
        }
    }
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}
