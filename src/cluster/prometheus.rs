//! What Prometheus, or anything with its query API, measures.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::http::{Http, HttpError, HttpTarget};
use crate::domain::{Captured, Clock, Observation, ObstacleKind, Seen, Series};

/// Most series of one query; a gate over more is one over a sum, a maximum or a count.
const MOST_SERIES: usize = 500;

/// An instant query.
#[derive(Debug)]
pub struct Prometheus {
    http: Http,
    url: Url,
}

/// The answer, as far as it is wanted (Prometheus HTTP API, v1).
#[derive(Deserialize)]
struct Reply {
    status: String,
    data: Option<Data>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "snake_case")]
enum Data {
    Vector(Vec<Sample>),
    Scalar((f64, String)),
    #[serde(other, deserialize_with = "ignored")]
    Other,
}

fn ignored<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(drop)
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    /// A native histogram has none.
    value: Option<(f64, String)>,
}

impl Prometheus {
    /// Makes ready; `target` names the server, to whose path `/api/v1/query` is added.
    ///
    /// # Errors
    ///
    /// It cannot be asked.
    pub fn new(target: &HttpTarget, query: &str) -> Result<Self, HttpError> {
        let http = Http::new(target)?;
        let mut url = Url::parse(target.url.trim()).map_err(|_| HttpError::Url("is no URL"))?;
        url.set_fragment(None);
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("query", query);
        Ok(Self { http, url })
    }

    /// Asks once.
    pub fn look(&self, timeout: Duration, clock: &dyn Clock) -> Observation {
        let Observation { object, seen } = self.http.look_at(self.url.clone(), timeout, clock);
        let blocked = |kind, detail| Observation::blocked(object.clone(), kind, detail);
        match seen {
            Ok(Seen::Answered { status, body }) => match read(status, &body) {
                Ok(series) => Observation { object, seen: Ok(Seen::Series(series)) },
                Err((kind, detail)) => blocked(kind, detail),
            },
            seen => Observation { object, seen },
        }
    }

    /// What may show nowhere.
    pub fn secrets(&self) -> &[String] {
        self.http.secrets()
    }
}

fn read(status: u16, body: &Captured) -> Result<Vec<Series>, (ObstacleKind, String)> {
    if body.is_cut {
        return Err((ObstacleKind::TooLarge, format!("more than {} bytes", body.bytes.len())));
    }
    let odd = |detail: String| Err((ObstacleKind::NotUnderstood, detail));
    let Ok(reply) = serde_json::from_slice::<Reply>(&body.bytes) else {
        let start = String::from_utf8_lossy(&body.bytes[..body.bytes.len().min(100)]);
        return odd(format!("status {status}, {start}"));
    };
    if status != 200 || reply.status != "success" {
        return odd(format!("status {status}, {}", reply.error.unwrap_or(reply.status)));
    }
    // Federations warn when a part of them did not answer.
    if let Some(warning) = reply.warnings.first() {
        return Err((ObstacleKind::Partial, warning.clone()));
    }
    let samples = match reply.data {
        Some(Data::Vector(samples)) => samples,
        Some(Data::Scalar(value)) => {
            vec![Sample { metric: BTreeMap::new(), value: Some(value) }]
        }
        Some(Data::Other) => {
            return odd("the query gives neither a vector nor a scalar".to_owned());
        }
        None => return odd("it has no data".to_owned()),
    };
    if samples.len() > MOST_SERIES {
        let detail = format!("{} series, at most {MOST_SERIES}; aggregate them", samples.len());
        return Err((ObstacleKind::TooLarge, detail));
    }
    let mut series = Vec::with_capacity(samples.len());
    for Sample { metric, value } in samples {
        let labels = labels(&metric);
        let Some((_, text)) = value else {
            return odd(format!("{labels} is a histogram"));
        };
        let Ok(value) = text.parse::<f64>() else {
            return odd(format!("{labels} has the value {text:?}"));
        };
        series.push(Series { labels, value });
    }
    series.sort_by(|one, other| one.labels.cmp(&other.labels));
    Ok(series)
}

/// As the query language writes them.
fn labels(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let others = metric.iter().filter(|(label, _)| *label != "__name__");
    let others: Vec<String> = others.map(|(label, value)| format!("{label}={value:?}")).collect();
    match others.len() {
        0 if !name.is_empty() => name.to_owned(),
        _ => format!("{name}{{{}}}", others.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Vec<Series>, (ObstacleKind, String)> {
        read(status, &Captured { bytes: body.as_bytes().to_vec(), is_cut: false })
    }

    #[test]
    fn series_are_read_and_sorted() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"k","instance":"b:1"},"value":[1.5,"1"]},
            {"metric":{"__name__":"up","instance":"a\"\n"},"value":[1.5,"NaN"]}]}}"#;
        let read = answer(200, vector).unwrap();
        assert_eq!(read[0].labels, r#"up{instance="a\"\n"}"#);
        assert!(read[0].value.is_nan());
        assert_eq!(
            read[1],
            Series { labels: r#"up{instance="b:1",job="k"}"#.to_owned(), value: 1.0 }
        );
        for (body, labels) in [
            (r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2.5"]}}"#, "{}"),
            (
                r#"{"status":"success","infos":["x"],"data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[1,"2.5"]}]}}"#,
                "up",
            ),
        ] {
            let expected = Series { labels: labels.to_owned(), value: 2.5 };
            assert_eq!(answer(200, body), Ok(vec![expected]));
        }
        let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(answer(200, empty), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_a_whole_answer_is_none() {
        use ObstacleKind::{NotUnderstood, Partial, TooLarge};
        let many = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
            vec![r#"{"metric":{},"value":[1,"1"]}"#; MOST_SERIES + 1].join(",")
        );
        for (status, body, kind, words) in [
            (200, "<html>Sign in", NotUnderstood, "status 200, <html>"),
            (200, "", NotUnderstood, "status 200"),
            (200, "[]", NotUnderstood, ""),
            (200, r#"{"status":"success"}"#, NotUnderstood, "no data"),
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
                NotUnderstood,
                "status 400, parse error",
            ),
            (200, r#"{"status":"error","error":"timed out"}"#, NotUnderstood, "timed out"),
            (
                503,
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
                NotUnderstood,
                "503",
            ),
            (
                200,
                r#"{"status":"success","warnings":["store down"],"data":{"resultType":"vector","result":[]}}"#,
                Partial,
                "store down",
            ),
            (
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"a":1}]}}"#,
                NotUnderstood,
                "neither",
            ),
            (
                200,
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"histogram":[1,{}]}]}}"#,
                NotUnderstood,
                r#"{a="b"} is a histogram"#,
            ),
            (
                200,
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"soon"]}]}}"#,
                NotUnderstood,
                "soon",
            ),
            (200, &many, TooLarge, "501 series"),
        ] {
            let (found, detail) = answer(status, body).unwrap_err();
            assert_eq!(found, kind, "{body}: {detail}");
            assert!(detail.contains(words), "{detail}");
        }
        let cut = Captured { bytes: b"{".to_vec(), is_cut: true };
        assert_eq!(read(200, &cut).unwrap_err().0, TooLarge);
    }
}
