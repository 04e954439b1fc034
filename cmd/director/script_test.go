package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// raceOptions keeps a program with the race detector from waiting for a second at its end,
// which is most of the time that the hundreds of commands of these tests take.
const raceOptions = "atexit_sleep_ms=10"

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv("GORACE"); !ok {
		os.Setenv("GORACE", raceOptions) // for what is started from here
	}
	testscript.Main(m, map[string]func(){"director": main, "keepalived": main})
}

// The scripts are what a user types and what he is told.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bigfile": func(ts *testscript.TestScript, _ bool, args []string) {
				f, err := os.Create(ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Check(f.Truncate(50 << 20))
				ts.Check(f.Close())
			},
			"junk": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("\x7fELF\x02\x01\x01\x00\x00\x00\xff\xfe{{{\x00\n\x00"), 0o600))
			},
		},
	})
}
