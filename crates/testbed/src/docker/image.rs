//! Images without a registry, as archives of their files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Skip, cache, kafka, run};

const PACK: Duration = Duration::from_mins(2);
const BUSYBOX: &str = "/bin/busybox";

/// What Kafka's broker and its tools load of the JDK.
const MODULES: &str = "java.base,java.desktop,java.logging,java.management,java.naming,java.security.jgss,\
java.security.sasl,java.sql,java.xml,jdk.management,jdk.unsupported,jdk.crypto.ec,jdk.zipfs,\
jdk.net";

const START: &str = include_str!("start.sh");
const TOOL: &str = "#!/bin/sh\nexec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
-Dlog4j.configuration=file:/opt/kafka/tools.properties -cp '/opt/kafka/libs/*' CLASS \"$@\"\n";
const TOOLS: &[(&str, &str)] = &[
    ("kafka-broker-api-versions.sh", "kafka.admin.BrokerApiVersionsCommand"),
    ("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-console-producer.sh", "kafka.tools.ConsoleProducer"),
    ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-metadata-quorum.sh", "org.apache.kafka.tools.MetadataQuorumCommand"),
    ("kafka-storage.sh", "kafka.tools.StorageTool"),
    ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
];

/// Busybox under all its names, packed in `folder`.
pub(super) fn busybox(folder: &Path) -> PathBuf {
    let root = folder.join("busybox");
    add_busybox(&root);
    let tar = folder.join("busybox.tar");
    pack(&root, &tar);
    tar
}

fn add_busybox(root: &Path) {
    let bin = root.join("bin");
    fs::create_dir_all(&bin).expect("a new folder");
    fs::copy(BUSYBOX, bin.join("busybox")).unwrap_or_else(|error| panic!("{BUSYBOX}: {error}"));
    let names = run(Command::new(BUSYBOX).arg("--list"), PACK);
    for name in String::from_utf8_lossy(&names.stdout).lines().filter(|name| *name != "busybox") {
        symlink("busybox", bin.join(name)).expect("a new folder");
    }
    for empty in ["tmp", "etc", "proc", "dev", "sys"] {
        fs::create_dir_all(root.join(empty)).expect("a new folder");
    }
    for (file, text) in [
        ("passwd", "root:x:0:0:root:/:/bin/sh\n"),
        ("group", "root:x:0:\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ] {
        fs::write(root.join("etc").join(file), text).expect("a new folder");
    }
}

fn pack(root: &Path, tar: &Path) {
    let packed = run(Command::new("tar").arg("-C").arg(root).arg("-cf").arg(tar).arg("."), PACK);
    assert!(packed.status.success(), "{packed:?}");
}

/// Kafka on a small JVM. Made once and kept beside the jars; another recipe makes another.
pub(super) fn kafka() -> Result<PathBuf, Skip> {
    cache::need(&["jlink", "ldd", "tar"])?;
    if fs::metadata(BUSYBOX).is_err() {
        return Err(Skip(format!("there is no {BUSYBOX}")));
    }
    let jars = kafka::jars()?;
    let kept = cache::folder().join("kafka-image");
    let (tar, recipe) = (kept.join("root.tar"), kept.join("recipe"));
    let ours = format!("{MODULES}\n{TOOL}{TOOLS:?}\n{START}");
    if fs::read_to_string(&recipe).is_ok_and(|text| text == ours) && fs::metadata(&tar).is_ok() {
        return Ok(tar);
    }
    let new = cache::folder().join(format!("kafka-image.{}", std::process::id()));
    let root = new.join("root");
    _ = fs::remove_dir_all(&new);
    add_busybox(&root);
    add_kafka(&root, &jars);
    add_jvm(&root)?;
    add_libraries(&root);
    pack(&root, &new.join("root.tar"));
    fs::remove_dir_all(&root).expect("our own folder");
    fs::write(new.join("recipe"), ours).expect("our own folder");
    // An older one makes room; another test may have been faster, and its folder is as good.
    _ = fs::remove_dir_all(&kept);
    if fs::rename(&new, &kept).is_err() {
        _ = fs::remove_dir_all(&new);
    }
    Ok(tar)
}

fn add_kafka(root: &Path, jars: &Path) {
    let kafka = root.join("opt/kafka");
    fs::create_dir_all(kafka.join("libs")).expect("a new folder");
    fs::create_dir_all(kafka.join("bin")).expect("a new folder");
    fs::create_dir_all(root.join("opt/bitnami")).expect("a new folder");
    symlink("/opt/kafka", root.join("opt/bitnami/kafka")).expect("a new folder");
    for jar in fs::read_dir(jars).expect("the folder of jars") {
        let jar = jar.expect("a folder that can be read");
        fs::copy(jar.path(), kafka.join("libs").join(jar.file_name())).expect("a new folder");
    }
    fs::write(kafka.join("start"), START).expect("a new folder");
    fs::write(kafka.join("log4j.properties"), kafka::LOG4J).expect("a new folder");
    let quiet = kafka::LOG4J.replace("INFO", "WARN");
    let quiet = quiet + "log4j.appender.console.target=System.err\n";
    fs::write(kafka.join("tools.properties"), quiet).expect("a new folder");
    for (name, class) in TOOLS {
        let path = kafka.join("bin").join(name);
        fs::write(&path, TOOL.replace("CLASS", class)).expect("a new folder");
        executable(&path);
    }
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file");
}

fn add_jvm(root: &Path) -> Result<(), Skip> {
    let linked = run(
        Command::new("jlink")
            .args(["--add-modules", MODULES, "--strip-debug", "--no-header-files"])
            .args(["--no-man-pages", "--output"])
            .arg(root.join("opt/java")),
        PACK,
    );
    if !linked.status.success() {
        let said = String::from_utf8_lossy(&linked.stdout);
        return Err(Skip(format!("jlink cannot make a small JVM: {}", said.trim())));
    }
    symlink("/opt/java/bin/java", root.join("bin/java")).expect("a new name");
    Ok(())
}

/// Copies the system's libraries that the JVM is linked with.
fn add_libraries(root: &Path) {
    let mut ask = vec![root.join("opt/java/bin/java")];
    for folder in ["opt/java/lib", "opt/java/lib/server"] {
        for file in fs::read_dir(root.join(folder)).expect("the JVM's folder") {
            let path = file.expect("a folder that can be read").path();
            if path.extension().is_some_and(|end| end == "so") {
                ask.push(path);
            }
        }
    }
    let told = run(Command::new("ldd").args(&ask), PACK);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let own = root.display().to_string();
    let needed: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .filter(|path| !path.starts_with(&own) && !path.ends_with(':'))
        .collect();
    for path in needed {
        let to = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap_or(root)).expect("a new folder");
        fs::copy(path, &to).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
