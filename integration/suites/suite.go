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
	pkg  string // the package of its tests; anyOther for many
	// command runs the suite; empty if there is nothing to run.
	command func(f form, list []allowed) (argv []string, env []string, err error)
	tests   bool // it prints what "go test -json" prints
	each    bool // each test that passed gets a line
	form    form
}

// form is how much of a suite runs.
type form int

const (
	quick form = iota // "make test": without the tests that the list leaves to .ci/run
	short             // .ci/run: without what only the long form has
	long              // "make test-long": everything
)

func (f form) String() string { return [...]string{"quick form", "short form", "long form"}[f] }

const module = "github.com/lvs-director/director"

var suites = []suite{
	{
		name: "lint", what: "gofmt, vet, staticcheck, and which package may import which",
		command: func(form, []allowed) ([]string, []string, error) {
			return []string{"make", "--no-print-directory", "lint"}, nil, nil
		},
	},
	{name: "unit", what: "every package by itself, with the race detector", pkg: anyOther, command: unit, tests: true},
	{
		name: "fuzz", what: "each fuzz target for a while",
		command: func(f form, _ []allowed) ([]string, []string, error) {
			return []string{"scripts/fuzz", [...]string{quick: "1s", short: "3s", long: "60s"}[f]}, nil, nil
		},
	},
	{
		name: "native", what: "VRRP in network namespaces, beside keepalived and FRR", pkg: "integration/native",
		tests: true, each: true,
		// These tests mostly wait for timers of the RFC.
		command: func(f form, list []allowed) ([]string, []string, error) {
			return goTest(f, leftOut(f, list, "integration/native"), "-count=1", "-parallel=4", "-timeout=25m",
				"./integration/native"), nil, nil
		},
	},
	{
		name: "kernel", what: "tests of single packages that need another kernel, in the guest", tests: true, each: true,
		command: inGuest,
	},
	{
		name: "booted", what: "the packages in a Debian system that systemd has booted, in the guest",
		pkg: "integration/booted", tests: true, each: true,
		command: func(f form, list []allowed) ([]string, []string, error) {
			return goTest(f, leftOut(f, list, "integration/booted"), "-count=1", "-timeout=40m",
				"./integration/booted"), nil, nil
		},
	},
	{
		name: "lab", what: "a pair with IPVS and traffic, in the guest where this kernel has no IPVS", pkg: "integration",
		tests: true, each: true,
		command: func(f form, list []allowed) ([]string, []string, error) {
			return goTest(f, leftOut(f, list, "integration"), "-count=1", "-timeout=45m", "./integration"), nil, nil
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
func choose(args []string, usual form) ([]suite, error) {
	var chosen []suite
	for _, arg := range args {
		name, own, _ := strings.Cut(arg, ":")
		i := slices.Index(names(), name)
		if i < 0 || own != "" && own != "long" {
			return nil, fmt.Errorf("there is no suite %q; the suites are %s, each also as NAME:long", arg,
				strings.Join(names(), ", "))
		}
		s := suites[i]
		s.form = usual
		if own == "long" {
			s.form = long
		}
		chosen = append(chosen, s)
	}
	if len(chosen) == 0 {
		return nil, errors.New("no suite was named")
	}
	return chosen, nil
}

// goTest is the command that runs tests, without those of the given names.
func goTest(f form, without []string, args ...string) []string {
	argv := []string{"go", "test", "-json", "-vet=off"} // vet is a part of lint
	if f != long {
		argv = append(argv, "-short")
	}
	if len(without) > 0 {
		argv = append(argv, "-skip=^("+strings.Join(without, "|")+")$")
	}
	return append(argv, args...)
}

// anyOther is every package that is no suite of its own.
const anyOther = "*"

// leftOut are the tests of a package that the form leaves out by the list.
func leftOut(f form, list []allowed, pkg string) (tests []string) {
	for _, a := range list {
		if f != quick || a.kind != notQuick {
			continue
		}
		if a.pkg == pkg || pkg == anyOther && !ownSuite(a.pkg) {
			tests = append(tests, a.test)
		}
	}
	return tests
}

// ownSuite says whether a package is a suite of its own.
func ownSuite(pkg string) bool {
	switch pkg {
	case "integration", "integration/native", "integration/booted", "internal/floors":
		return true
	}
	return false
}

// unit is every package but those that are suites of their own.
func unit(f form, list []allowed) (argv, env []string, err error) {
	out, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("list the packages: %w", err)
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		return ownSuite(strings.TrimPrefix(name, module+"/"))
	})
	argv = goTest(f, leftOut(f, list, anyOther))
	if _, err := exec.LookPath("gcc"); err == nil {
		argv = append(argv, "-race")
		// Else each test program, and each program that one starts, sleeps for a second at its end.
		env = append(env, "GORACE=atexit_sleep_ms=10")
	} else {
		fmt.Println("The race detector needs gcc, which is not here: running without it.")
	}
	if f == long {
		argv, env = append(argv, "-timeout=60m"), append(env, "DIRECTOR_LONG=1")
	} else {
		argv = append(argv, "-timeout=20m")
	}
	return append(argv, packages...), env, nil
}

// inGuest runs the tests that the list marks so.
func inGuest(f form, list []allowed) (argv, env []string, err error) {
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
	argv = goTest(f, nil, "-count=1", "-timeout=15m", "-p=1", "-exec=go run "+module+"/integration/inguest",
		"-run=^("+strings.Join(slices.Compact(tests), "|")+")$")
	return append(argv, slices.Compact(packages)...), nil, nil
}

// run runs the suite and reads what it prints.
func (s suite) run(ctx context.Context, list []allowed, logPath string, each bool) *result {
	r := newResult(s.name, s.each || each)
	fmt.Printf("\n==== %s (%v): %s\n", s.name, s.form, s.what)
	r.without = leftOut(s.form, list, s.pkg)
	begun := time.Now()
	defer func() { r.took = time.Since(begun) }()
	if ctx.Err() != nil {
		r.failure = "not run: " + context.Cause(ctx).Error()
		fmt.Println(r.failure)
		return r
	}
	argv, env, err := s.command(s.form, list)
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
	// Signal the whole process group, so that the lab can tidy up.
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
