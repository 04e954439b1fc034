//go:build linux

// Command inguest runs a program in the lab's guest, whose kernel has what this
// machine's may lack: go test -exec "go run .../integration/inguest" ./package.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/stage"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: inguest PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	dir, err := os.Getwd()
	status := 0
	if err == nil {
		status, err = guest.Run(context.Background(), guest.Command{
			Argv: os.Args[1:], Env: os.Environ(), Dir: dir, Logs: stage.LogsDir(),
			Stdout: os.Stdout, Say: os.Stderr,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inguest:", err)
		os.Exit(1)
	}
	os.Exit(status)
}
