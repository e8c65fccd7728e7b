//! `wonin rehearse run` against a real server with TLS, behind a proxy that breaks connections. Run
//! by `./test`, or `cargo test -p wonin --test rehearse_run_tls -- --ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod support;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{Answer, dir, parsed, put, run};
use wonin_testbed::{Process, Skip, available};

const NAME: &str = "shop.test";

/// Makes an authority, a certificate of it for `shop.test`, an authority of somebody else, and two
/// certificates for `shop.test` that sign themselves.
fn certificates(dir: &Path) -> Result<(), Skip> {
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl").args(args).current_dir(dir).output();
        let output = output.map_err(|_| Skip("openssl is not installed".to_owned()))?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    for ca in ["ca", "other"] {
        let (out, keyout) = (format!("{ca}.pem"), format!("{ca}.key"));
        let own = ["-x509", "-days", "2", "-subj", "/CN=authority", "-out", &out, "-keyout"];
        openssl(&[&["req"], &key[..], &own, &[&keyout]].concat())?;
    }
    for own in ["own", "renewed"] {
        let (out, keyout) = (format!("{own}.pem"), format!("{own}.key"));
        let name = format!("subjectAltName=DNS:{NAME}");
        let own = ["-x509", "-days", "2", "-subj", "/CN=shop.test", "-addext", &name, "-out", &out];
        openssl(&[&["req"], &key[..], &own, &["-keyout", &keyout]].concat())?;
    }
    put(dir, "names", format!("subjectAltName=DNS:{NAME}\n").as_bytes());
    let request = ["-subj", "/CN=server", "-out", "server.csr", "-keyout", "server.key"];
    openssl(&[&["req"], &key[..], &request].concat())?;
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    let sign = ["x509", "-req", "-in", "server.csr", "-extfile", "names", "-out", "server.pem"];
    openssl(&[&sign[..], &by].concat())
}

/// An nginx that answers `fine` over TLS with the certificate of a name; its port.
fn server(dir: &Path, certificate: &str) -> Result<(Process, u16), Skip> {
    if Command::new("nginx").arg("-v").output().is_err() {
        return Err(Skip("nginx is not installed".to_owned()));
    }
    certificates(dir)?;
    let port = TcpListener::bind("127.0.89.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "daemon off;\nmaster_process off;\npid pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\n\
         uwsgi_temp_path t4;\nscgi_temp_path t5;\nserver {{\nlisten 127.0.89.1:{port} ssl;\n\
         ssl_certificate {certificate}.pem;\nssl_certificate_key {certificate}.key;\nreturn 200 fine;\n}}\n}}\n"
    );
    put(dir, "nginx.conf", config.as_bytes());
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-p", "./", "-c", "nginx.conf"]).current_dir(dir);
    let mut server = Process::start("nginx", &mut command, &dir.join("nginx.log"));
    server.wait_ready(Duration::from_secs(10), || TcpStream::connect(("127.0.89.1", port)).is_ok());
    Ok((server, port))
}

fn rehearse(dir: &Path, port: u16, tls: &str) -> Answer {
    let text = format!(
        "[scenario]\nname = \"a page\"\nclients = \"cold\"\nsteady = \"400ms\"\nafter = \"400ms\"\n\
         [[proxy]]\nname = \"web\"\nupstream = \"127.0.89.1:{port}\"\n\
         [[workload]]\nname = \"visitors\"\nkind = \"http\"\nurl = \"https://${{proxy.web}}/\"\n\
         rate = 20\nmatches = \"fine\"\n{tls}\n\
         [[fault]]\nname = \"late\"\nkind = \"tcp\"\nproxy = \"web\"\nat = \"900ms\"\n\
         for = \"800ms\"\ntype = \"latency\"\nattributes = {{ latency = 100 }}\n\
         [[expect]]\nname = \"pages come\"\nsuccess_at_least = \"90%\"\n\
         [[expect]]\nname = \"the page is there\"\nhttp = \"https://${{proxy.web}}/\"\n\
         every = \"200ms\"\n{tls}\n"
    );
    put(dir, "s.toml", text.as_bytes());
    run(dir, &["rehearse", "run", "s.toml", "--yes", "--format", "json"])
}

/// Nothing is broken where the server is not believed.
fn refused(dir: &Path, port: u16, tls: &str, expected: &str) {
    let answer = rehearse(dir, port, tls);
    assert_eq!(answer.code, Some(3), "{tls}: {answer:?}");
    let why = parsed(&answer)["why"].as_str().unwrap().to_owned();
    assert!(why.starts_with("the steady state was not reached"), "{why}");
    assert!(why.contains(expected), "{tls}: {why}");
}

#[test]
#[ignore = "needs nginx and openssl"]
fn a_certificate_that_signs_itself_is_believed_where_it_is_named_itself() {
    let root = dir([]);
    let Some((_server, port)) = available(server(root.path(), "own")) else { return };
    let answer = rehearse(root.path(), port, "ca = \"own.pem\"\nserver_name = \"shop.test\"");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(parsed(&answer)["faults"][0]["hits"].as_u64().unwrap() >= 1, "{answer:?}");
    let of_authority = "the certificate of the server is that of an authority";
    for (tls, expected) in [
        ("ca = \"own.pem\"", "the certificate of the server is not for `127.0.0.1`"),
        ("ca = \"renewed.pem\"\nserver_name = \"shop.test\"", of_authority),
        ("server_name = \"shop.test\"", of_authority),
    ] {
        refused(root.path(), port, tls, expected);
    }
}

#[test]
#[ignore = "needs nginx and openssl"]
fn a_page_with_tls_is_asked_for_and_its_certificate_looked_at() {
    let root = dir([]);
    let Some((_server, port)) = available(server(root.path(), "server")) else { return };
    let answer = rehearse(root.path(), port, "ca = \"ca.pem\"\nserver_name = \"shop.test\"");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let value = parsed(&answer);
    assert!(value["faults"][0]["hits"].as_u64().unwrap() >= 1, "{value:#}");

    // Each wrong belief is told apart, and nothing is broken then.
    let unknown = "nobody who is believed has signed the certificate of the server (`ca` says \
                   whom to believe)";
    let for_another = "the certificate of the server is not for `127.0.0.1` (`server_name` says \
                       for which name it is to be)";
    for (tls, expected) in [
        ("server_name = \"shop.test\"\nca = \"other.pem\"", unknown),
        ("server_name = \"shop.test\"", unknown),
        ("ca = \"ca.pem\"", for_another),
    ] {
        refused(root.path(), port, tls, expected);
    }
    let answer = rehearse(root.path(), port, "verify = false");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let plan = run(root.path(), &["rehearse", "run", "s.toml", "--dry-run"]).out;
    assert!(plan.contains("20 each second, whoever answers"), "{plan}");

    for (tls, expected) in [
        ("ca = \"no.pem\"", "`ca`: cannot read `no.pem`: no such file or directory\n"),
        ("ca = \"server.key\"", "`ca`: there is no certificate in `server.key` (PEM is read)\n"),
    ] {
        let answer = rehearse(root.path(), port, tls);
        assert_eq!(answer.code, Some(2), "{tls}: {answer:?}");
        assert!(answer.err.contains(expected), "{tls}: {answer:?}");
    }
}
