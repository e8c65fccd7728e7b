use wonin_model::{EcsService, Evidence, LaunchType, Workload};

use crate::{MemoryFiles, read};

const PARTS: &str = r#"
resource "aws_lb_target_group" "web" {
  port = 8080
  health_check {
    interval          = local.interval
    healthy_threshold = 2
    matcher           = "200-299"
  }
}

resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = jsonencode([{
    name         = "web"
    cpu          = var.cpu
    portMappings = [{ containerPort = 8080, hostPort = 0 }]
    healthCheck  = { command = ["CMD-SHELL", "true"], startPeriod = 60 }
  }])
}

resource "aws_ecs_service" "web" {
  name            = "web"
  launch_type     = "EC2"
  desired_count   = max(1, 2)
  task_definition = aws_ecs_task_definition.web.arn
  deployment_minimum_healthy_percent = 50
  dynamic "load_balancer" {
    for_each = toset(["web"])
    content {
      target_group_arn = aws_lb_target_group.web.arn
      container_name   = load_balancer.value
    }
  }
}

variable "cpu" { default = 256 }
locals { interval = 5 * 3 }
"#;

fn only(evidence: &Evidence) -> &EcsService {
    let [deployment] = evidence.stack.deployments.as_slice() else {
        panic!("one deployment: {:?}", evidence.stack.deployments);
    };
    assert_eq!(deployment.unknown, [], "{:?}", deployment.unknown);
    match &deployment.workload {
        Workload::Ecs(service) => service,
        Workload::Kubernetes(_) => panic!("ECS"),
    }
}

#[test]
fn a_service_is_joined_with_its_task_and_target_group() {
    let evidence = read(&MemoryFiles::new([("main.tf", PARTS)]));
    let service = only(&evidence);
    assert_eq!(service.desired_count.as_ref().unwrap().value, 2);
    assert_eq!(service.minimum_healthy_percent.as_ref().unwrap().value, 50);
    assert!(service.maximum_percent.as_ref().unwrap().origin.is_default());
    assert_eq!(service.launch_type.as_ref().unwrap().value, LaunchType::Ec2);
    let group = &service.target_groups[0];
    assert_eq!(group.interval_s.as_ref().unwrap().value, 15);
    assert_eq!(group.unhealthy_threshold.as_ref().unwrap().value, 3);
    let container = &service.task.as_ref().unwrap().containers[0];
    assert_eq!(container.cpu_units.as_ref().unwrap().value, 256);
    assert!(container.host_ports.is_empty(), "host port 0 is dynamic");
    assert_eq!(container.health_check.as_ref().unwrap().start_period_s.value, 60);
}

#[test]
fn a_variable_is_shown_where_it_is_defined() {
    let evidence =
        read(&MemoryFiles::new([("main.tf", PARTS), ("terraform.tfvars", "cpu = 512\n")]));
    let service = only(&evidence);
    let cpu = service.task.as_ref().unwrap().containers[0].cpu_units.clone().unwrap();
    assert_eq!(cpu.value, 512);
    let place = cpu.place().unwrap();
    assert_eq!(evidence.sources.file(place.file).path(), "terraform.tfvars");
    assert_eq!(evidence.sources.slice(place), "512");
}

#[test]
fn local_modules_take_their_arguments_and_give_their_outputs() {
    let main = r#"
module "group" {
  source   = "./group"
  interval = 20
}
resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = <<EOT
[{"name": "web", "stopTimeout": 90}]
EOT
}
resource "aws_ecs_service" "web" {
  desired_count   = 3
  task_definition = aws_ecs_task_definition.web.arn
  load_balancer { target_group_arn = module.group.arn }
}
"#;
    let group = r#"
variable "interval" {}
resource "aws_lb_target_group" "this" {
  count = 1
  health_check { interval = var.interval }
}
output "arn" { value = aws_lb_target_group.this[0].arn }
"#;
    let evidence = read(&MemoryFiles::new([("main.tf", main), ("group/main.tf", group)]));
    let service = only(&evidence);
    let interval = service.target_groups[0].interval_s.clone().unwrap();
    assert_eq!(interval.value, 20);
    assert_eq!(evidence.sources.slice(interval.place().unwrap()), "20");
    let stop = &service.task.as_ref().unwrap().containers[0].stop_timeout_s;
    assert_eq!((stop.value, evidence.sources.slice(stop.place().unwrap())), (90, "90"));
}

#[test]
fn what_is_not_known_is_named_and_not_guessed() {
    let text = r#"
variable "grace" {}
resource "aws_ecs_service" "web" {
  desired_count                     = data.external.size.result.n
  health_check_grace_period_seconds = var.grace
}
"#;
    let evidence = read(&MemoryFiles::new([("main.tf", text)]));
    let deployment = &evidence.stack.deployments[0];
    let Workload::Ecs(service) = &deployment.workload else { panic!("ECS") };
    assert!(service.desired_count.is_none() && service.grace_period_s.is_none());
    let names: Vec<&str> =
        deployment.unknown.iter().map(|unknown| unknown.setting.as_str()).collect();
    assert_eq!(names, ["desired_count", "health_check_grace_period_seconds"]);
    assert!(deployment.unknown[1].why.contains("var.grace has no default"));
}

#[test]
fn cycles_and_broken_files_do_not_stop_the_rest() {
    let text = r#"
locals {
  a = local.b
  b = local.a
}
resource "aws_ecs_service" "web" { desired_count = local.a }
"#;
    let evidence = read(&MemoryFiles::new([("bad.tf", "resource {{{"), ("main.tf", text)]));
    assert!(evidence.stack.deployments[0].unknown[0].why.contains("refers to itself"));
    assert!(evidence.skipped.iter().any(|skipped| skipped.path == "bad.tf"));
}

#[test]
fn a_list_is_spread_where_dots_say_so_and_nowhere_else() {
    let text = r#"
locals {
  counts = [1, 3, 2]
  groups = [{ name = "a" }, { name = "bcd" }]
}
resource "aws_ecs_service" "web" {
  desired_count                     = max(local.counts...)
  health_check_grace_period_seconds = length(local.groups[*])
}
"#;
    let evidence = read(&MemoryFiles::new([("main.tf", text)]));
    let service = only(&evidence);
    assert_eq!(service.desired_count.as_ref().unwrap().value, 3);
    assert_eq!(service.grace_period_s.as_ref().unwrap().value, 2);
}

#[test]
fn a_plan_gives_the_same_service_as_its_configuration() {
    let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
      {"address":"aws_ecs_service.web","type":"aws_ecs_service","name":"web","values":{
        "name":"web","desired_count":2,"launch_type":"FARGATE",
        "deployment_minimum_healthy_percent":50,"load_balancer":[{"container_name":"web"}]}},
      {"address":"aws_lb_target_group.web","type":"aws_lb_target_group","name":"web","values":{
        "deregistration_delay":"30","health_check":[{"interval":15,"unhealthy_threshold":3}]}}]}},
      "configuration":{"root_module":{"resources":[
      {"address":"aws_ecs_service.web","type":"aws_ecs_service","name":"web","expressions":{
        "load_balancer":[{"target_group_arn":{"references":["aws_lb_target_group.web.arn"]}}]}}]}}}"#;
    let evidence = read(&MemoryFiles::new([("plan.json", plan)]));
    let service = only(&evidence);
    assert_eq!(service.desired_count.as_ref().unwrap().value, 2);
    assert_eq!(service.launch_type.as_ref().unwrap().value, LaunchType::Fargate);
    let group = &service.target_groups[0];
    assert_eq!(group.interval_s.as_ref().unwrap().value, 15);
    assert_eq!(group.deregistration_delay_s.as_ref().unwrap().value, 30);
}

#[test]
fn optional_attributes_of_a_type_and_variables_that_refuse_null_have_their_defaults() {
    let module = r#"
variable "services" {
  type = map(object({
    desired_count = optional(number, 3)
    grace         = optional(number)
    check         = optional(object({ interval = optional(number, 25) }), {})
  }))
}
variable "minimum" {
  default  = 66
  nullable = false
}
resource "aws_lb_target_group" "this" {
  for_each = var.services
  health_check { interval = each.value.check.interval }
}
resource "aws_ecs_service" "this" {
  for_each                           = var.services
  name                               = each.key
  desired_count                      = each.value.desired_count
  health_check_grace_period_seconds  = each.value.grace
  deployment_minimum_healthy_percent = var.minimum
  load_balancer { target_group_arn = aws_lb_target_group.this[each.key].arn }
}
"#;
    let root = r#"
module "all" {
  source   = "./all"
  minimum  = null
  services = { web = { check = {} } }
}
"#;
    let evidence = read(&MemoryFiles::new([("main.tf", root), ("all/main.tf", module)]));
    let service = only(&evidence);
    assert_eq!(service.desired_count.as_ref().unwrap().value, 3);
    assert_eq!(service.minimum_healthy_percent.as_ref().unwrap().value, 66);
    assert!(service.grace_period_s.as_ref().unwrap().origin.is_default());
    assert_eq!(service.target_groups[0].interval_s.as_ref().unwrap().value, 25);
}

#[test]
fn public_modules_make_services_and_target_groups() {
    let root = r#"
module "alb" {
  source  = "terraform-aws-modules/alb/aws"
  version = "~> 9.0"
  target_groups = {
    web = {
      backend_port         = 8080
      deregistration_delay = 10
      health_check = { interval = 20, unhealthy_threshold = 4 }
    }
  }
}

module "web" {
  source        = "terraform-aws-modules/ecs/aws//modules/service"
  name          = "web"
  cpu           = 512
  desired_count = 2
  container_definitions = {
    app = {
      image        = "app:1"
      health_check = { command = ["CMD", "true"], start_period = 60 }
      port_mappings = [{ container_port = 8080 }]
    }
  }
  load_balancer = {
    service = {
      target_group_arn = module.alb.target_groups["web"].arn
      container_name   = "app"
      container_port   = 8080
    }
  }
}
"#;
    let evidence = read(&MemoryFiles::new([("main.tf", root)]));
    let service = only(&evidence);
    assert_eq!(evidence.stack.deployments[0].name, "web");
    assert_eq!(service.launch_type.as_ref().unwrap().value, LaunchType::Fargate);
    let minimum = service.minimum_healthy_percent.as_ref().unwrap();
    assert_eq!((minimum.value, minimum.origin.is_default()), (66, true));
    let group = &service.target_groups[0];
    assert_eq!(group.interval_s.as_ref().unwrap().value, 20);
    assert_eq!(group.unhealthy_threshold.as_ref().unwrap().value, 4);
    assert_eq!(group.deregistration_delay_s.as_ref().unwrap().value, 10);
    assert_eq!(group.port.as_ref().unwrap().value, 8080);
    let task = service.task.as_ref().unwrap();
    assert_eq!(task.cpu_units.as_ref().unwrap().value, 512);
    let app = &task.containers[0];
    assert_eq!((app.name.value.as_str(), app.container_ports[0].value), ("app", 8080));
    assert_eq!(app.health_check.as_ref().unwrap().start_period_s.value, 60);
}

#[test]
fn blue_and_green_are_no_rolling_update() {
    let text = PARTS.replace(
        "launch_type     = \"EC2\"",
        "launch_type     = \"EC2\"\n  deployment_configuration {\n    strategy = \"BLUE_GREEN\"\n  }",
    );
    let evidence = read(&MemoryFiles::new([("main.tf", text.as_str())]));
    assert_eq!(only(&evidence).controller.as_ref().unwrap().value, "BLUE_GREEN");
}

#[test]
fn a_service_that_a_module_calls_this_has_the_name_of_the_call() {
    let module = "variable \"name\" {}\nresource \"aws_ecs_service\" \"this\" {\n  count = 1\n  name = var.name\n  desired_count = 1\n}\n";
    let root = "module \"orders\" {\n  source = \"./service\"\n  name   = random_pet.name.id\n}\n";
    let evidence = read(&MemoryFiles::new([("main.tf", root), ("service/main.tf", module)]));
    assert_eq!(evidence.stack.deployments[0].name, "orders");
}
