//! Asking a simulator of AWS what IAM has, so that a role made there can be assumed here.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::request::percent_decode;

const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Host and port of an endpoint, which has to be a plain one on loopback.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn host(endpoint: &str) -> Result<&str, String> {
    let host = endpoint.strip_prefix("http://").map(|host| host.trim_end_matches('/'));
    let host = host.filter(|host| {
        host.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
    });
    host.ok_or_else(|| {
        format!("iam_endpoint is {endpoint:?}: it must be http://, a loopback address and a port")
    })
}

/// The trust of a role; none if there is no such role.
///
/// # Errors
/// The server cannot be reached, or its answer not be understood.
pub(crate) async fn trust_of(endpoint: &str, arn: &str) -> Result<Option<Value>, String> {
    let host = host(endpoint)?;
    let asked = tokio::time::timeout(LONGEST_WAIT, asked(host, arn)).await;
    let answer = asked.map_err(|_| format!("{host} does not answer"))?;
    let answer = answer.map_err(|error| format!("{host} cannot be asked for {arn}: {error}"))?;
    read(&answer, arn)
}

/// One call of IAM's query protocol.
async fn asked(host: &str, arn: &str) -> std::io::Result<String> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("Action=GetRole&Version=2010-05-08&RoleName={encoded}");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: iam.amazonaws.com\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n",
        form.len()
    );
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(form.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn read(answer: &str, arn: &str) -> Result<Option<Value>, String> {
    if answer.contains("<Code>NoSuchEntity</Code>") {
        return Ok(None);
    }
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
    };
    if element("Arn").is_some_and(|found| found != arn) {
        return Ok(None);
    }
    let document = element("AssumeRolePolicyDocument").map(percent_decode);
    let parsed = document.and_then(|text| serde_json::from_str(&text).ok());
    parsed.map(Some).ok_or_else(|| "IAM's answer about a role cannot be understood".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_from_what_iam_answers() {
        let arn = "arn:aws:iam::123456789012:role/x";
        let answer = format!(
            "HTTP/1.1 200 OK\r\n\r\n<Role><Arn>{arn}</Arn><AssumeRolePolicyDocument>%7B%22Statement%22%3A%5B%5D%7D\
             </AssumeRolePolicyDocument></Role>"
        );
        assert_eq!(read(&answer, arn), Ok(Some(serde_json::json!({"Statement": []}))));
        assert_eq!(read(&answer, "arn:aws:iam::1:role/x"), Ok(None));
        assert_eq!(read("<Error><Code>NoSuchEntity</Code></Error>", arn), Ok(None));
        assert!(read("HTTP/1.1 500", arn).is_err());
    }

    #[test]
    fn only_loopback_is_asked() {
        assert_eq!(host("http://127.0.0.1:5000/"), Ok("127.0.0.1:5000"));
        for other in ["https://127.0.0.1:5000", "http://10.0.0.1:80", "http://iam.amazonaws.com"] {
            assert!(host(other).is_err(), "{other}");
        }
    }
}
