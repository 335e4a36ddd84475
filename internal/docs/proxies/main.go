// Command proxies runs the configurations of docs/deployment.md: each proxy
// whose program it is given stands in front of two servers, and clients come
// through it by wss. It tells what it finds, takes two minutes each, because idle
// connections have to outlive the proxies' timeouts, and is no part of the
// tests.
//
//	go run ./internal/docs/proxies -nginx nginx -caddy caddy
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	nginx := flag.String("nginx", "", "the program nginx")
	caddy := flag.String("caddy", "", "the program caddy")
	page := flag.String("page", "docs/deployment.md", "where the configurations are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *page, *nginx, *caddy); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, page, nginx, caddy string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	ran := false
	for _, p := range []proxy{
		{name: "nginx", program: nginx, fence: "nginx", start: startNginx, cutsIdle: true},
		{name: "Caddy", program: caddy, fence: "caddyfile", start: startCaddy},
	} {
		if p.program == "" {
			continue
		}
		ran = true
		if p.config, err = block(string(text), p.fence); err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if err := check(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !ran {
		return errors.New("no proxy is given; see -help")
	}
	return nil
}

// block returns the only fenced block of a page with that info string.
func block(page, fence string) (string, error) {
	found := regexp.MustCompile("(?ms)^```"+fence+"$\n(.*?)^```$").FindAllStringSubmatch(page, -1)
	if len(found) != 1 {
		return "", fmt.Errorf("there are %d blocks of %s", len(found), fence)
	}
	return found[0][1], nil
}

// A proxy is a program and its configuration.
type proxy struct {
	name, program, fence, config string

	// start returns the command for a configuration in dir.
	start func(p *proxy, dir string) *exec.Cmd

	// cutsIdle says that it ends connections that are silent for a minute.
	cutsIdle bool
}

// replace puts values in place of what the page has, all of which has to be there.
func (p *proxy) replace(oldNew ...string) error {
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(p.config, oldNew[i]) {
			return fmt.Errorf("the configuration has no %q", oldNew[i])
		}
	}
	p.config = strings.NewReplacer(oldNew...).Replace(p.config)
	return nil
}

func startNginx(p *proxy, dir string) *exec.Cmd {
	paths := "http {"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf(" %s_temp_path %s;", kind, filepath.Join(dir, kind))
	}
	p.config = strings.Replace(p.config, "http {", paths+" access_log off;", 1)
	file := write(dir, "nginx.conf", p.config)
	return exec.Command(p.program, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"),
		"-g", "daemon off; pid "+filepath.Join(dir, "pid")+";")
}

func startCaddy(p *proxy, dir string) *exec.Cmd {
	global := "{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system " + dir + "\n}\n"
	file := write(dir, "Caddyfile", global+p.config)
	os.Setenv("HOME", dir)
	return exec.Command(p.program, "run", "--config", file, "--adapter", "caddyfile")
}

func write(dir, name, text string) (path string) {
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		panic(err)
	}
	return path
}
