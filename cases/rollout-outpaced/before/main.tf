terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "vpc_id" {
  type = string
}

variable "image" {
  type = string
}

locals {
  name = "api"
  port = 8080
}

resource "aws_lb_target_group" "api" {
  name                 = "${local.name}-${local.port}"
  vpc_id               = var.vpc_id
  port                 = local.port
  protocol             = "HTTP"
  target_type          = "instance"
  deregistration_delay = 30

  health_check {
    path                = "/api/health-check"
    port                = "traffic-port"
    protocol            = "HTTP"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
    matcher             = "200-299"
  }
}

resource "aws_ecs_task_definition" "api" {
  family                   = local.name
  requires_compatibilities = ["EC2"]
  network_mode             = "bridge"

  container_definitions = jsonencode([
    {
      name              = local.name
      image             = var.image
      essential         = true
      cpu               = 1024
      memory            = 1024
      memoryReservation = 512
      portMappings      = [{ containerPort = local.port, hostPort = 0 }]
    }
  ])
}

resource "aws_ecs_service" "api" {
  name            = local.name
  cluster         = "main"
  launch_type     = "EC2"
  task_definition = aws_ecs_task_definition.api.arn
  desired_count   = 2

  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 15

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = local.name
    container_port   = local.port
  }
}
