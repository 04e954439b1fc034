//go:build linux

// Command inguest runs a program in the lab's guest, whose kernel has what this
// machine's may lack: go test -exec "go run .../integration/inguest" ./package.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/stage"
)

func main() {
	tap := flag.String("tap", "", "the guest's eth0 is at the other end of this tap interface")
	qmp := flag.String("qmp", "", "path of a socket on which QEMU is told to stop the guest, and the like")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: inguest [-tap INTERFACE] [-qmp SOCKET] PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	dir, err := os.Getwd()
	status := 0
	if err == nil {
		status, err = guest.Run(context.Background(), guest.Command{
			Argv: flag.Args(), Env: os.Environ(), Dir: dir, Logs: stage.LogsDir(),
			Stdout: os.Stdout, Say: os.Stderr, Tap: *tap, QMP: *qmp,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inguest:", err)
		os.Exit(1)
	}
	os.Exit(status)
}
