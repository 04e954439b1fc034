package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// suite is a set of tests that run together.
type suite struct {
	name string
	what string
	// command is what runs it; nothing when there is nothing to run.
	command func(long bool, list []allowed) (argv []string, env []string, err error)
	tests   bool // it prints what "go test -json" prints
	each    bool // each test that passed gets a line
	long    bool
}

const module = "github.com/lvs-director/director"

var suites = []suite{
	{
		name: "lint", what: "gofmt, vet, staticcheck, and which package may import which",
		command: func(bool, []allowed) ([]string, []string, error) {
			return []string{"make", "--no-print-directory", "lint"}, nil, nil
		},
	},
	{name: "unit", what: "every package by itself, with the race detector", command: unit, tests: true},
	{
		name: "fuzz", what: "each fuzz target for a while",
		command: func(long bool, _ []allowed) ([]string, []string, error) {
			if long {
				return []string{"scripts/fuzz", "60s"}, nil, nil
			}
			return []string{"scripts/fuzz", "3s"}, nil, nil
		},
	},
	{
		name: "native", what: "VRRP in network namespaces, beside keepalived and FRR", tests: true, each: true,
		// Most of what these tests do is wait for timers of the RFC.
		command: func(long bool, _ []allowed) ([]string, []string, error) {
			return goTest(long, "-count=1", "-parallel=4", "-timeout=25m", "./integration/native"), nil, nil
		},
	},
	{
		name: "kernel", what: "tests of single packages that need another kernel, in the guest", tests: true, each: true,
		command: inGuest,
	},
	{
		name: "lab", what: "a pair with IPVS and traffic, in the guest where this kernel has no IPVS", tests: true,
		each: true,
		command: func(long bool, _ []allowed) ([]string, []string, error) {
			return goTest(long, "-count=1", "-timeout=45m", "./integration"), nil, nil
		},
	},
}

func names() (list []string) {
	for _, s := range suites {
		list = append(list, s.name)
	}
	return list
}

// choose finds the suites that the arguments name.
func choose(args []string, short bool) ([]suite, error) {
	var chosen []suite
	for _, arg := range args {
		name, form, _ := strings.Cut(arg, ":")
		i := slices.Index(names(), name)
		if i < 0 || form != "" && form != "long" {
			return nil, fmt.Errorf("there is no suite %q; the suites are %s, each also as NAME:long", arg,
				strings.Join(names(), ", "))
		}
		s := suites[i]
		s.long = form == "long" || !short
		chosen = append(chosen, s)
	}
	if len(chosen) == 0 {
		return nil, errors.New("no suite was named")
	}
	return chosen, nil
}

func goTest(long bool, args ...string) []string {
	argv := []string{"go", "test", "-json", "-vet=off"} // vet is a part of lint
	if !long {
		argv = append(argv, "-short")
	}
	return append(argv, args...)
}

// unit is every package but those that are suites of their own.
func unit(long bool, _ []allowed) (argv, env []string, err error) {
	out, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("list the packages: %w", err)
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		switch strings.TrimPrefix(name, module+"/") {
		case "integration", "integration/native", "internal/floors":
			return true
		}
		return false
	})
	argv = goTest(long)
	if _, err := exec.LookPath("gcc"); err == nil {
		argv = append(argv, "-race")
	} else {
		fmt.Println("The race detector needs gcc, which is not here: running without it.")
	}
	if long {
		argv, env = append(argv, "-timeout=60m"), []string{"DIRECTOR_LONG=1"}
	}
	return append(argv, packages...), env, nil
}

// inGuest runs the tests that the list marks so.
func inGuest(long bool, list []allowed) (argv, env []string, err error) {
	var packages, tests []string
	for _, a := range list {
		if a.kind == inTheGuest {
			top, _, _ := strings.Cut(a.test, "/")
			packages = append(packages, "./"+a.pkg)
			tests = append(tests, strings.ReplaceAll(regexp.QuoteMeta(top), `\*`, ".*"))
		}
	}
	if len(packages) == 0 {
		return nil, nil, nil
	}
	slices.Sort(packages)
	slices.Sort(tests)
	argv = goTest(long, "-count=1", "-timeout=15m", "-p=1", "-exec=go run "+module+"/integration/inguest",
		"-run=^("+strings.Join(slices.Compact(tests), "|")+")$")
	return append(argv, slices.Compact(packages)...), nil, nil
}

// run runs the suite and reads what it prints.
func (s suite) run(ctx context.Context, list []allowed, logPath string, each bool) *result {
	r := newResult(s.name, s.each || each)
	form := "short form"
	if s.long {
		form = "long form"
	}
	fmt.Printf("\n==== %s (%s): %s\n", s.name, form, s.what)
	begun := time.Now()
	defer func() { r.took = time.Since(begun) }()
	if ctx.Err() != nil {
		r.failure = "not run: " + context.Cause(ctx).Error()
		fmt.Println(r.failure)
		return r
	}
	argv, env, err := s.command(s.long, list)
	if err != nil || argv == nil {
		if err != nil {
			r.failure = err.Error()
			fmt.Println(err)
		}
		return r
	}
	log, err := os.Create(logPath)
	if err != nil {
		r.failure = err.Error()
		return r
	}
	defer log.Close()

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = io.MultiWriter(os.Stderr, log)
	// All that the suite started is asked to end with it; the lab tidies up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.failure = err.Error()
		return r
	}
	if s.tests {
		r.read(io.TeeReader(out, log), os.Stdout)
	} else {
		io.Copy(io.MultiWriter(os.Stdout, log), out)
	}
	if err := cmd.Wait(); err != nil {
		r.failure = err.Error()
		if ctx.Err() != nil {
			r.failure = context.Cause(ctx).Error()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	return r
}
