//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	checkedInstances = 4000
	checkedServices  = 1000
	checkedServers   = 40 // of each service
)

// checkedRow is what one kind needs to check one file.
type checkedRow struct {
	Kind, File string
	Wall, CPU  []time.Duration
	RSS        []int64 // bytes, at most
	Status     int
}

// checkedFile is a configuration whose checking is measured.
type checkedFile struct {
	name, text string
	goal       string
}

func checkedFiles() []checkedFile {
	return []checkedFile{
		{fmt.Sprintf("%d VRRP instances", checkedInstances),
			crowdConfig(checkedInstances, time.Second, "", func(int) int { return 100 }), "0.25 s"},
		{fmt.Sprintf("%d virtual servers, %d real servers each", checkedServices, checkedServers),
			servicesConfig(), "0.5 s, 250 MB, 0.8 of keepalived's time"},
	}
}

// servicesConfig is a file of many virtual servers.
func servicesConfig() string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id many\n}\n")
	for v := range checkedServices {
		fmt.Fprintf(&b, `
virtual_server 10.%d.%d.1 80 {
    delay_loop 5
    lb_algo wlc
    lb_kind NAT
    protocol TCP
`, v/250, v%250)
		for r := range checkedServers {
			fmt.Fprintf(&b, `    real_server 172.16.%d.%d 8080 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
`, v%250, r+1)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func measureChecking(trials int) (rows []checkedRow, err error) {
	ok := stage.Play("bench-check", func(t lab.Reporter) {
		// keepalived looks for the interfaces that the file names, so the test creates them.
		c := newCrowd(t, stage.Director(), checkedInstances, time.Second)
		for _, f := range checkedFiles() {
			found := make([]checkedRow, len(kinds()))
			path := c.hosts[0].WriteFile("checked.conf", f.text)
			for range trials {
				for n, kind := range kinds() {
					row := &found[n]
					row.Kind, row.File = kind.Name(), f.name
					if failed := checkOnce(c.hosts[0].Do, checkCommand(kind, path), row); failed != nil {
						t.Fatalf("%s: %s: %v", kind.Name(), f.name, failed)
					}
				}
			}
			for _, row := range found {
				fmt.Printf("  %-10s %s: %s, status %d\n", row.Kind, row.File, spread(row.Wall), row.Status)
			}
			rows = append(rows, found...)
		}
	})
	if !ok {
		err = errors.New("the measurement of checking large configurations failed")
	}
	return rows, err
}

// checkCommand is the command with which a kind checks a configuration file.
func checkCommand(kind pair.Kind, path string) *exec.Cmd {
	if k, ok := kind.(pair.Keepalived); ok {
		cmd := exec.Command(k.Path, "-t", "-f", path)
		cmd.Env = append(os.Environ(), k.Env...)
		return cmd
	}
	return exec.Command(stage.Director().Path, "check", "-f", path)
}

// notRun is the first exit status that is no verdict: the dynamic linker and shells have it for a
// program that could not be run.
const notRun = 126

// checkOnce runs the process once, where do starts it, and adds what it used.
func checkOnce(do func(func() error) error, cmd *exec.Cmd, row *checkedRow) error {
	var said strings.Builder
	cmd.Stderr = &said
	began := time.Now()
	if err := do(cmd.Start); err != nil {
		return err
	}
	ended := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	took := time.Since(began)
	close(ended)
	most := <-peak
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if row.Status = cmd.ProcessState.ExitCode(); row.Status < 0 || row.Status >= notRun {
		return fmt.Errorf("it did not run: %w: %s", err, strings.TrimSpace(said.String()))
	}
	row.Wall, row.RSS = append(row.Wall, took), append(row.RSS, most)
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	row.CPU = append(row.CPU, time.Duration(used.Utime.Nano()+used.Stime.Nano()))
	return nil
}

// watchPeak records the largest resident memory of a process. ru_maxrss, the kernel's own figure
// for a child that has ended, starts with the memory of its parent.
func watchPeak(pid int, ended <-chan struct{}) (peak int64) {
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(field(string(text), "VmHWM", ":"), " kB"), 10, 64)
			peak = max(peak, kilobytes<<10)
		}
		select {
		case <-ended:
			return peak
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func checkingSection(rows []checkedRow) string {
	var b strings.Builder
	b.WriteString(`## Checking large configurations

The whole process: "director check -f FILE" and "keepalived -t -f FILE", in a network namespace
that has the interfaces of the file. Memory is the largest resident size, sampled every 2 ms.

| file | goal | | keepalived | director |
|---|---|---|---|---|
`)
	for _, f := range checkedFiles() {
		wall, cpu, rss := map[string]string{}, map[string]string{}, map[string]string{}
		for _, r := range rows {
			if r.File != f.name {
				continue
			}
			wall[r.Kind], cpu[r.Kind] = spread(r.Wall), spread(r.CPU)
			rss[r.Kind] = megabytes(median(r.RSS))
			if r.Status != 0 {
				wall[r.Kind] += fmt.Sprintf(", exit status %d", r.Status)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | time | %s | %s |\n", f.name, f.goal, wall["keepalived"], wall["director"])
		fmt.Fprintf(&b, "| | | processor | %s | %s |\n", cpu["keepalived"], cpu["director"])
		fmt.Fprintf(&b, "| | | memory | %s | %s |\n", rss["keepalived"], rss["director"])
	}
	return b.String()
}
