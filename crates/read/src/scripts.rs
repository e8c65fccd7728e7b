//! Python and JavaScript: AWS clients that a module makes once, with a session token that was read
//! once (failure-knowledge 10). What a function makes anew at each call is none of them.

use wonin_model::{FrozenCredentials, Located, Skipped};
use wonin_text::{FileId, Place, SourceFile, Span};

use crate::fragment::{Content, Format};
use crate::pipeline::Joining;

/// The format.
pub(crate) const FORMAT: Format = Format { name: "code", claims, accepts, parse };

/// Larger files are generated or bundled.
const BYTES_MAX: usize = 1 << 20;
/// Lines from the begin of a call to the token in it.
const LINES_MAX: usize = 16;

/// How a language names the token, and what makes a client that keeps it.
struct Language {
    extensions: &'static [&'static str],
    token: &'static str,
    makers: &'static [&'static str],
    /// Words of credentials that renew themselves.
    renews: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        extensions: &["py"],
        token: "aws_session_token=",
        makers: &["boto3.client(", "boto3.resource(", "boto3.Session(", "session.Session("],
        renews: &["RefreshableCredentials", "DeferredRefreshableCredentials"],
    },
    Language {
        extensions: &["js", "mjs", "cjs", "ts", "mts", "cts"],
        token: "sessionToken:",
        makers: &[
            "Client({",
            "new AWS.S3({",
            "new AWS.SQS({",
            "new AWS.DynamoDB(",
            "AWS.config.update({",
        ],
        renews: &["expiration:"],
    },
];

fn language(path: &str) -> Option<&'static Language> {
    let (_, extension) = path.rsplit_once('.')?;
    LANGUAGES.iter().find(|one| one.extensions.contains(&extension))
}

fn claims(path: &str) -> bool {
    let is_other = ["node_modules/", "site-packages/", "test/", "tests/", "__tests__/", "dist/"];
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_test = name.starts_with("test_") || name.contains(".test.") || name.contains(".spec.");
    language(path).is_some()
        && !is_test
        && !is_other.iter().any(|part| path.starts_with(part) || path.contains(&format!("/{part}")))
}

fn accepts(path: &str, text: &str) -> bool {
    text.len() <= BYTES_MAX && language(path).is_some_and(|one| text.contains(one.token))
}

fn parse(id: FileId, file: &SourceFile, _: &mut Vec<Skipped>) -> Content {
    let found = language(file.path()).map_or_else(Vec::new, |one| frozen(id, file.text(), one));
    Content::Script(found)
}

/// Puts what code keeps into the stack.
pub(crate) fn join(joining: &mut Joining<'_>) {
    for fragment in &mut joining.fragments {
        if let Content::Script(found) = &mut fragment.content {
            joining.evidence.stack.code.frozen_credentials.append(found);
        }
    }
}

fn frozen(id: FileId, text: &str, language: &Language) -> Vec<FrozenCredentials> {
    if language.renews.iter().any(|word| text.contains(word)) {
        return Vec::new();
    }
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let tokens = text.match_indices(language.token);
    tokens.filter_map(|(at, token)| one(id, text, &starts, at + token.len(), language)).collect()
}

fn one(
    id: FileId,
    text: &str,
    starts: &[usize],
    at: usize,
    language: &Language,
) -> Option<FrozenCredentials> {
    let line_of = starts.partition_point(|start| *start <= at).checked_sub(1)?;
    let from = line_of.saturating_sub(LINES_MAX);
    let (start, maker) = starts[from..=line_of].iter().rev().find_map(|&start| {
        let line = text[start..].lines().next()?;
        let maker = language.makers.iter().find_map(|maker| line.find(maker))?;
        Some((start, start + maker))
    })?;
    let statement = text[start..].lines().next()?;
    // What stands within a function or class is made each time that runs.
    if statement.starts_with([' ', '\t']) || statement.trim_start().starts_with(['#', '/']) {
        return None;
    }
    let rest = &text[at..];
    let value = rest.split(['\n', ',', '}']).next().unwrap_or("").trim_end_matches([')', ' ']);
    let lead = value.len() - value.trim_start().len();
    let value = value.trim();
    let is_empty = ["", "None", "undefined", "null", "\"\"", "''"].contains(&value);
    if is_empty || value.starts_with(['"', '\'']) {
        return None;
    }
    let place = |start: usize, len: usize| Place { file: id, span: Span::new(start, start + len) };
    let name = statement.split('=').next().unwrap_or("").trim();
    let name = name.rsplit(' ').next().unwrap_or(name);
    let kept_by = (!name.is_empty() && !name.contains('('))
        .then(|| Located::written(name.to_owned(), place(start, statement.len())));
    let client = &text[maker..start + statement.len()];
    Some(FrozenCredentials {
        frozen: Located::written(value.to_owned(), place(at + lead, value.len())),
        client: Some(Located::written(client.to_owned(), place(maker, client.len()))),
        provider: None,
        kept_by,
        temporary: true,
        service: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let Content::Script(found) =
            parse(FileId(0), &SourceFile::new(path, text.to_owned()), &mut Vec::new())
        else {
            panic!("code");
        };
        found.into_iter().map(|one| one.frozen.value).collect()
    }

    #[test]
    fn clients_of_a_module_keep_what_they_were_given() {
        let python = "c = sts.assume_role(RoleArn=r)[\"Credentials\"]\ns3 = boto3.client(\n    \"s3\",\n    aws_access_key_id=c[\"AccessKeyId\"],\n    aws_session_token=c[\"SessionToken\"],\n)\n";
        assert_eq!(found("app/storage.py", python), ["c[\"SessionToken\"]"]);
        let script = "const c = await sts.send(command);\nexport const s3 = new S3Client({\n  credentials: { accessKeyId: c.a, secretAccessKey: c.s, sessionToken: c.t },\n});\n";
        assert_eq!(found("src/s3.ts", script), ["c.t"]);
    }

    #[test]
    fn what_is_made_anew_or_renews_itself_is_fine() {
        let each_time = "def client():\n    c = sts.assume_role(RoleArn=r)[\"Credentials\"]\n    return boto3.client(\"s3\", aws_session_token=c[\"SessionToken\"])\n";
        assert!(found("app/storage.py", each_time).is_empty());
        let none = "s3 = boto3.client(\"s3\", aws_session_token=None)\n";
        assert!(found("app/storage.py", none).is_empty());
        let renews = "from botocore.credentials import RefreshableCredentials\ns3 = boto3.client(\"s3\", aws_session_token=c.token)\n";
        assert!(found("app/storage.py", renews).is_empty());
        assert!(!claims("tests/storage.py") && !claims("src/s3.test.ts") && claims("src/s3.ts"));
    }
}
