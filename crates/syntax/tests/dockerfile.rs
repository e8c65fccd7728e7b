//! Dockerfiles as people write them.

use wonin_syntax::dockerfile::{Dockerfile, Instruction, Word, parse};

fn clean(text: &str) -> Dockerfile {
    let file = parse(text);
    assert_eq!(file.problems, [], "{text}");
    file
}

fn values(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.value.as_str()).collect()
}

fn pairs(instruction: &Instruction) -> Vec<(&str, Option<&str>)> {
    instruction
        .pairs
        .iter()
        .map(|pair| (pair.name.value.as_str(), pair.value.as_ref().map(|word| word.value.as_str())))
        .collect()
}

#[test]
fn stages_have_bases_names_and_instructions() {
    let text = "# syntax=docker/dockerfile:1\nARG VERSION=17\nFROM --platform=linux/amd64 eclipse-temurin:${VERSION} AS build\nRUN make\nfrom alpine\nCOPY --from=build /a /b\nCMD [\"/b\", \"-x\"]\n";
    let file = clean(text);
    assert_eq!(pairs(&file.globals[0]), [("VERSION", Some("17"))]);
    let build = file.stage("BUILD").unwrap();
    assert_eq!(build.base.value, "eclipse-temurin:${VERSION}");
    assert_eq!(build.from.flag("platform").unwrap().value, "linux/amd64");
    assert_eq!(&text[build.name.as_ref().unwrap().span.range()], "build");
    let last = file.last_stage().unwrap();
    assert_eq!(file.stage("1"), Some(last));
    let copy = last.all("COPY").next().unwrap();
    assert_eq!(
        (copy.flag("from").unwrap().value.as_str(), values(&copy.args)),
        ("build", vec!["/a", "/b"])
    );
    let cmd = last.last("CMD").unwrap();
    assert!(cmd.is_exec);
    assert_eq!(values(&cmd.args), ["/b", "-x"]);
    assert_eq!(&text[cmd.args[1].span.range()], "\"-x\"");
}

#[test]
fn continued_lines_are_one_instruction_with_exact_places() {
    let text = "FROM a\r\nENTRYPOINT java \\\r\n  # heap\r\n  -Xmx512m \\ \r\n\r\n  -jar app.jar\r\nEXPOSE 80\r\n";
    let file = clean(text);
    let stage = file.last_stage().unwrap();
    let entry = stage.last("ENTRYPOINT").unwrap();
    assert!(!entry.is_exec);
    assert_eq!(values(&entry.args), ["java", "-Xmx512m", "-jar", "app.jar"]);
    assert_eq!(&text[entry.args[1].span.range()], "-Xmx512m");
    assert!(text[entry.span.range()].ends_with("app.jar"));
    assert_eq!(values(&stage.last("EXPOSE").unwrap().args), ["80"]);
}

#[test]
fn a_list_may_be_continued_and_a_broken_one_is_a_shell_command() {
    let text = "FROM a\nCMD [\"x\", \\\n  \"y z\"]\nENTRYPOINT ['x']\n";
    let file = clean(text);
    let stage = file.last_stage().unwrap();
    let cmd = stage.last("CMD").unwrap();
    assert_eq!((cmd.is_exec, values(&cmd.args)), (true, vec!["x", "y z"]));
    assert_eq!(&text[cmd.args[1].span.range()], "\"y z\"");
    assert!(!stage.last("ENTRYPOINT").unwrap().is_exec);
}

#[test]
fn variables_are_defined_in_both_forms() {
    let text = "FROM a\nENV A=1 B=\"two words\" C=it\\ s D='$x' E=\"\\$y ${z}\"\nENV JAVA_OPTS -Xmx1g -Xms1g\nLABEL a.b=\"c\"\nARG X Y=\nENV P=a\"b c\"d\n";
    let file = clean(text);
    let all: Vec<_> = file.last_stage().unwrap().instructions.iter().map(pairs).collect();
    assert_eq!(
        all,
        [
            vec![
                ("A", Some("1")),
                ("B", Some("two words")),
                ("C", Some("it s")),
                ("D", Some("$$x")),
                ("E", Some("$$y ${z}")),
            ],
            vec![("JAVA_OPTS", Some("-Xmx1g -Xms1g"))],
            vec![("a.b", Some("c"))],
            vec![("X", None), ("Y", Some(""))],
            vec![("P", Some("ab cd"))],
        ]
    );
    let env = &file.last_stage().unwrap().instructions[0];
    assert_eq!(&text[env.pairs[1].value.as_ref().unwrap().span.range()], "\"two words\"");
}

#[test]
fn here_documents_belong_to_their_instruction() {
    let text = "FROM a\nRUN <<EOF cat\nFROM not a stage\nEOF\nCOPY <<-\"ONE\" <<TWO /x/\n\tone $a\n\tONE\ntwo\nTWO\nUSER b\n";
    let file = clean(text);
    assert_eq!(file.stages.len(), 1);
    let stage = file.last_stage().unwrap();
    assert_eq!(stage.instructions.len(), 3);
    let run = &stage.instructions[0].heredocs[0];
    assert_eq!((run.body.as_str(), run.expands), ("FROM not a stage\n", true));
    let copy = &stage.instructions[1];
    let told: Vec<_> = copy.heredocs.iter().map(|h| (h.body.as_str(), h.expands)).collect();
    assert_eq!(told, [("\tone $a\n", false), ("two\n", true)]);
    assert!(text[copy.span.range()].ends_with("TWO"));
}

#[test]
fn health_checks_hold_their_command() {
    let text = "FROM a\nHEALTHCHECK --interval=5s --retries=3 CMD curl -f http://localhost/ || exit 1\nONBUILD RUN make\nHEALTHCHECK NONE\n";
    let file = clean(text);
    let stage = file.last_stage().unwrap();
    let check = stage.all("HEALTHCHECK").next().unwrap();
    assert_eq!(check.flag("interval").unwrap().value, "5s");
    assert_eq!(&text[check.flag("retries").unwrap().span.range()], "3");
    let inner = check.inner.as_ref().unwrap();
    assert_eq!((inner.keyword.as_str(), inner.args[0].value.as_str()), ("CMD", "curl"));
    assert_eq!(inner.text.value, "curl -f http://localhost/ || exit 1");
    assert_eq!(stage.last("ONBUILD").unwrap().inner.as_ref().unwrap().keyword, "RUN");
    assert_eq!(values(&stage.last("HEALTHCHECK").unwrap().args), ["NONE"]);
}

#[test]
fn the_escape_character_can_be_a_backtick() {
    let text = "# escape=`\nFROM a\nCOPY C:\\x `\n  C:\\y\\\nUSER b\n";
    let file = clean(text);
    let stage = file.last_stage().unwrap();
    assert_eq!(values(&stage.instructions[0].args), ["C:\\x", "C:\\y\\"]);
    assert_eq!(stage.instructions.len(), 2);
}

#[test]
fn mistakes_are_told_and_the_rest_is_read() {
    let text = "RUN x\nFROM\nFROM a\nRNU y\nRUN <<END\nz\n";
    let file = parse(text);
    let told: Vec<_> = file.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "`RUN` before the first `FROM`",
            "`FROM` without an image",
            "no instruction is called `RNU`",
            "no line `END` ends this here-document",
        ]
    );
    assert_eq!(file.last_stage().unwrap().instructions.len(), 2);
}
