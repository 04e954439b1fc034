//go:build linux

package integration_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// agent answers each connection to a port of the stand-in with one line.
type agent struct{ line atomic.Pointer[string] }

func (w *website) newAgent(port int, line string) *agent {
	a := &agent{}
	a.says(line)
	var l net.Listener
	if err := w.standIn.Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("%s:%d", standInAddress, port))
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				name, _ := bufio.NewReader(c).ReadString('\n')
				fmt.Fprintf(c, "%s #%s\n", *a.line.Load(), strings.TrimSpace(name))
			}()
		}
	}()
	return a
}

func (a *agent) says(line string) { a.line.Store(&line) }

// TestWeightsOfChecks: a program, a file and an agent set weights in the kernel's table. Runs of
// the program that take too long never raise the weight (lvs-cases L06), and a reload that makes the
// configured weight what the program asks for loses nothing. A real server that comes back begins
// with a share of its weight.
func TestWeightsOfChecks(t *testing.T) {
	w := openWebsite(t, 4)
	dir := w.director.Dir()
	status, number := filepath.Join(dir, "status"), filepath.Join(dir, "number")
	write := func(path, text string) {
		t.Helper()
		err := os.WriteFile(path+".new", []byte(text+"\n"), 0o644)
		if err == nil {
			err = os.Rename(path+".new", path) // nobody reads a half of it
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(status, "52")
	write(number, "0")
	program := w.director.WriteFile("check.sh",
		"#!/bin/sh\nread s <"+status+"\n[ $s = hang ] && exec sleep 1000\nexit $s\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	agent := w.newAgent(8888, "up 75%")
	config := func(weight int) string {
		return "track_file number {\n    file " + number + "\n}\n" + site(80, nil,
			web(0, weight, "MISC_CHECK {", "misc_path "+program, "misc_timeout 1", "misc_dynamic", "retry 1000",
				"delay_before_retry 0.5", "user root", "}"),
			web(1, 20, "FILE_CHECK {", "track_file number", "weight 3", "}"),
			web(2, 40, "AGENT_CHECK {", "connect_ip "+standInAddress, "connect_port 8888", "send rs3", "}"),
			web(3, 100, "slow_start 10"))
	}
	w.open(config(10))
	rs1, rs2, rs3, rs4 := webAddress(0), webAddress(1), webAddress(2), webAddress(3)
	want := map[string]int{rs1: 50, rs2: 20, rs3: 30, rs4: 100}
	table := func(what string) {
		t.Helper()
		w.untilWeights(what, map[int]map[string]int{80: want})
	}
	table("what each check asks for")
	for _, weight := range []int{50, 10} {
		w.daemon.Reload(config(weight))
		w.Steady(2*time.Second, fmt.Sprintf("a reload to the weight %d", weight), func() bool {
			return w.weights(80)[rs1] == 50
		})
	}
	for range 3 {
		write(status, "hang")
		w.Steady(2500*time.Millisecond, "runs that take too long", func() bool { return w.weights(80)[rs1] == 50 })
		write(status, "52")
		w.Steady(time.Second, "good runs between", func() bool { return w.weights(80)[rs1] == 50 })
	}
	write(status, "2")
	write(number, "-4")
	agent.says("drain")
	want[rs1], want[rs2], want[rs3] = 0, 8, 0
	table("other weights")
	write(status, "0")
	write(number, "4")
	agent.says("ready up 100%")
	want[rs1], want[rs2], want[rs3] = 10, 32, 40
	table("others again")
	agent.says("maint")
	delete(want, rs3)
	table("the agent takes its server out")
	agent.says("up")
	want[rs3] = 40
	table("and puts it back")

	w.setHealth(false, 3)
	w.Until(10*time.Second, "rs4 is out", func() bool { _, in := w.weights(80)[rs4]; return !in })
	w.setHealth(true, 3)
	seen, last := []int{}, -1
	w.Until(30*time.Second, "rs4 has all of its weight", func() bool {
		if now, in := w.weights(80)[rs4]; in && now != last {
			seen, last = append(seen, now), now
		}
		return last == 100
	})
	if n := len(seen); n < 4 || seen[0] > 20 {
		t.Errorf("rs4 came back with the weights %v, want about ten steps from 5 to 100", seen)
	}
}
