//! What proxies are read as.

use proptest::prelude::*;
use wonin_model::{Evidence, Gateway, Upstream};

use crate::{MemoryFiles, read};

/// One line per upstream: host, port, `again` where its name is looked up again, `variable`,
/// connect and read timeout in seconds, and how long idle connections stay.
fn rows(gateway: &Gateway) -> Vec<String> {
    let row = |upstream: &Upstream| {
        let port = upstream.port.map_or("-".to_owned(), |port| port.to_string());
        let again = if upstream.resolved_again { " again" } else { "" };
        let variable = if upstream.by_variable { " variable" } else { "" };
        let seconds = |ms: u64| ms / 1000;
        let keep = upstream.keepalive_timeout_ms.as_ref();
        let keep = keep.map_or(String::new(), |keep| format!(" keep {}", seconds(keep.value)));
        format!(
            "{}:{port}{again}{variable} {}/{}{keep}",
            upstream.host.value,
            seconds(upstream.connect_timeout_ms.value),
            seconds(upstream.read_timeout_ms.value)
        )
    };
    gateway.upstreams.iter().map(row).collect()
}

fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

fn only(text: &str) -> Vec<String> {
    let evidence = evidence(&[("nginx.conf", text)]);
    assert_eq!(evidence.skipped, []);
    evidence.stack.gateways.first().map(rows).unwrap_or_default()
}

#[test]
fn a_name_is_looked_up_once_unless_a_variable_and_a_resolver_are_there() {
    let text = "http { server { location / { proxy_pass http://app:8080/x; } } }";
    assert_eq!(only(text), ["app:8080 60/60"]);
    let text = "http { resolver 127.0.0.11; server { location / { proxy_pass http://app; } } }";
    assert_eq!(only(text), ["app:80 60/60"]);
    let text = "http { resolver 127.0.0.11; server { location / {
        set $to http://app:8080; proxy_pass $to; } } }";
    assert_eq!(only(text), ["app:8080 again variable 60/60"]);
    let text = "http { server { set $host_name app; location / {
        proxy_pass https://$host_name:8443$request_uri; } } }";
    assert_eq!(only(text), ["app:8443 variable 60/60"]);
}

#[test]
fn a_map_gives_every_value() {
    let text = "http { resolver 127.0.0.11; map $uri $to { default a:1; ~^/b b:2; }
        server { location / { proxy_pass http://$to; } } }";
    assert_eq!(only(text), ["a:1 again variable 60/60", "b:2 again variable 60/60"]);
}

#[test]
fn groups_take_the_times_of_their_users() {
    let text = "http {
        proxy_read_timeout 5s;
        upstream app { server a:8080; server b:8080 resolve; server 10.0.0.7; keepalive 16; }
        upstream idle { server c:1; }
        server {
            location /1 { proxy_pass http://app/; proxy_connect_timeout 2s; }
            location /2 { proxy_http_version 1.1; proxy_pass http://app; }
        }
    }";
    assert_eq!(
        only(text),
        [
            "a:8080 2/5",
            "b:8080 2/5",
            "10.0.0.7:80 2/5",
            "a:8080 60/5 keep 60",
            "b:8080 60/5 keep 60",
            "10.0.0.7:80 60/5 keep 60",
            "c:1 60/5",
        ]
    );
}

#[test]
fn a_group_may_look_up_again() {
    let text = "http { resolver 127.0.0.11; upstream a { zone a 64k; server a:1 resolve; }
        server { location / { proxy_pass http://a; } } }";
    assert_eq!(only(text), ["a:1 again 60/60"]);
}

#[test]
fn other_protocols_have_names_of_their_own() {
    let text = "stream { server { proxy_pass db:5432; proxy_timeout 1m; } }
        http { server { location ~ php { fastcgi_pass php:9000; fastcgi_read_timeout 7; }
            location /sock { uwsgi_pass unix:/run/x.sock; }
            location /g { grpc_pass grpc://g:50051; } } }";
    assert_eq!(only(text), ["db:5432 60/60", "php:9000 60/7", "g:50051 60/60"]);
}

#[test]
fn places_are_those_of_the_names() {
    let text = "http { server { location / { proxy_pass \"http://app:8080\"; } } }";
    let evidence = evidence(&[("nginx.conf", text)]);
    let upstream = &evidence.stack.gateways[0].upstreams[0];
    assert_eq!(evidence.sources.slice(upstream.host.place().unwrap()), "app");
}

const COMPOSE: &str = "services:
  web:
    image: nginx:1.27
    environment: {APP_HOST: app}
    volumes:
      - ./conf/site.conf.template:/etc/nginx/templates/site.conf.template
      - ./odd.txt:/etc/nginx/conf.d/odd.conf
  app:
    image: example/app
";

#[test]
fn mounted_templates_and_files_of_any_name_belong_to_the_service() {
    let site = "server { listen 80; location / { proxy_pass http://${APP_HOST}:8080; } }";
    let odd = "server { listen 81; location / { proxy_pass http://odd:1; } }";
    let files = [("compose.yaml", COMPOSE), ("conf/site.conf.template", site), ("odd.txt", odd)];
    let evidence = evidence(&files);
    let gateways = &evidence.stack.gateways;
    assert_eq!(gateways.len(), 1);
    assert_eq!((gateways[0].name.as_str(), gateways[0].service.map(|id| id.0)), ("web", Some(0)));
    assert_eq!(rows(&gateways[0]), ["odd:1 60/60", "app:8080 60/60"]);
}

#[test]
fn a_start_script_may_fill_in_a_file_that_lies_elsewhere() {
    let compose = "services:\n  web:\n    image: nginx\n    environment: [APP=app:9091]\n    \
                   volumes: ['./site.conf:/tmp/site.conf']\n    \
                   command: sh -c 'envsubst < /tmp/site.conf > /etc/nginx/conf.d/default.conf'\n";
    let site = "server { listen 80; location / { proxy_pass http://$APP; } }";
    let gateways = evidence(&[("compose.yaml", compose), ("site.conf", site)]).stack.gateways;
    assert_eq!(gateways.len(), 1);
    assert_eq!(
        (gateways[0].service.map(|id| id.0), rows(&gateways[0])),
        (Some(0), vec!["app:9091 60/60".to_owned()])
    );
}

#[test]
fn a_copied_file_belongs_to_the_service_that_is_built() {
    let compose = "services:\n  web:\n    build: ./front\n";
    let dockerfile = "FROM node AS build\nFROM nginx:alpine\nCOPY site.conf /etc/nginx/conf.d/\n";
    let site = "server { listen 80; location /api { proxy_pass http://app:1; } }";
    let evidence = evidence(&[
        ("compose.yaml", compose),
        ("front/Dockerfile", dockerfile),
        ("front/site.conf", site),
    ]);
    let gateways = &evidence.stack.gateways;
    assert_eq!(gateways.len(), 1);
    assert_eq!(gateways[0].service.map(|id| id.0), Some(0));
}

#[test]
fn hosts_that_only_a_request_names_are_left_out() {
    let text =
        "http { resolver 10.0.0.2; server { location / { proxy_pass http://$http_host; } } }";
    assert_eq!(only(text), [""; 0]);
}

#[test]
fn a_mounted_root_includes_only_what_it_names() {
    let compose = "services:\n  web:\n    image: nginx\n    volumes: ['./n:/etc/nginx']\n";
    let root = "events {} http { resolver 127.0.0.11; include /etc/nginx/sites/*; }";
    let site = "server { location / { set $a http://a:1; proxy_pass $a; } }";
    let stray = "server { location / { proxy_pass http://stray:1; } }";
    let evidence = evidence(&[
        ("compose.yaml", compose),
        ("n/nginx.conf", root),
        ("n/sites/a.conf", site),
        ("n/conf.d/stray.conf", stray),
    ]);
    let rows: Vec<_> = evidence.stack.gateways.iter().map(rows).collect();
    assert_eq!(rows, [["a:1 again variable 60/60"]]);
}

#[test]
fn files_without_a_service_are_grouped_by_root_and_directory() {
    let root = "http { include /etc/nginx/conf.d/*.conf; }";
    let site = "server { location / { proxy_pass http://back; } }";
    let group = "upstream back { server b:1; }";
    let other = "server { location / { proxy_pass http://other:1; } }";
    let evidence = evidence(&[
        ("proxy/conf.d/group.conf", group),
        ("proxy/conf.d/site.conf", site),
        ("proxy/nginx.conf", root),
        ("second/site.conf", other),
    ]);
    let names: Vec<_> =
        evidence.stack.gateways.iter().map(|g| (g.name.as_str(), rows(g))).collect();
    assert_eq!(
        names,
        [
            ("proxy/nginx.conf", vec!["b:1 60/60".to_owned()]),
            ("second/site.conf", vec!["other:1 60/60".to_owned()])
        ]
    );
}

#[test]
fn other_files_with_the_ending_are_left_alone() {
    let logstash = "input { beats { port => 5044 } } output { http { url => \"x\" } }";
    let apache = "<VirtualHost *:80>\nProxyPass / http://app:8080/\n</VirtualHost>\n";
    let hocon = "server { port = 8080, location = x }\nupstream = 1";
    let files = [("a.conf", logstash), ("b.conf", apache), ("c.conf", hocon)];
    let evidence = evidence(&files);
    assert!(evidence.stack.gateways.is_empty());
    assert_eq!(evidence.read, []);
}

proptest! {
    #[test]
    fn any_configuration_is_read_to_its_end(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "http {", "server {", "location / {", "upstream a {", "map $a $b {", "}", "}", ";",
                "proxy_pass", "http://a", "$b", "http://$b:$c;", "set $b $b;", "set $c [::1]:;",
                "server a:1;", "keepalive 1;", "resolver x;", "include *;", "'", "\"", "\\", "원",
            ]),
            0..40,
        )
    ) {
        let text = words.join(" ");
        let compose = "services: {web: {image: nginx, volumes: ['./n.conf:/etc/nginx/nginx.conf']}}";
        let evidence = evidence(&[("compose.yaml", compose), ("n.conf", &text)]);
        for upstream in evidence.stack.gateways.iter().flat_map(|gateway| &gateway.upstreams) {
            if let Some(place) = upstream.host.place() {
                prop_assert!(text.get(place.span.range()).is_some());
            }
        }
    }
}
