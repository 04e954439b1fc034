//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
)

// prompt runs commands on the lab's hosts until the user has seen enough.
func prompt(r *pair.Running) {
	hosts := map[string]*lab.Host{r.Client.Name: r.Client}
	for _, h := range append(r.Dirs[:], r.Servers...) {
		hosts[h.Name] = h
	}
	fmt.Println("\nThe lab is left running. Type a host and a command, or quit:")
	fmt.Println("    dir1 table                   its IPVS table")
	fmt.Println("    dir1 log                     what its daemon said last")
	fmt.Println("    dir1 ip addr                 any program of this machine")
	fmt.Printf("    dir1 %s\n", strings.Join(statusCommand(r, 0), " "))
	fmt.Println("    client curl -s " + pair.VIP)
	lines := bufio.NewScanner(os.Stdin)
	for fmt.Print("lab> "); lines.Scan(); fmt.Print("lab> ") {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case words[0] == "quit" || words[0] == "exit":
			return
		case hosts[words[0]] == nil || len(words) < 2:
			fmt.Println("a host (client, dir1, dir2, rs1, rs2, rs3) and a command, please")
		case words[1] == "table":
			fmt.Print(pair.FormatTable(pair.Table(hosts[words[0]])))
		case words[1] == "log":
			printLog(r, words[0])
		default:
			out, err := hosts[words[0]].Output(words[1:]...)
			fmt.Print(out)
			if err != nil {
				fmt.Println(err)
			}
		}
	}
}

func printLog(r *pair.Running, host string) {
	for i, d := range r.Daemons {
		if r.Dirs[i].Name != host {
			continue
		}
		lines := d.Log()
		for _, line := range lines[max(0, len(lines)-20):] {
			fmt.Println(line.Text)
		}
	}
}

// statusCommand is how a director is asked for its status.
func statusCommand(r *pair.Running, i int) []string { return r.Daemons[i].StatusCommand() }
