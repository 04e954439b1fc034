//go:build linux

package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// Section is what docs/benchmarks.md says.
func Section(f Figures) string {
	return "## As it grows, on paper\n\n" + tables(f)
}

// tables are the figures with what each of them is. They are in docs/scale.md too, under a heading of its own.
func tables(f Figures) string {
	var b strings.Builder
	f.Forwarding.write(&b)
	writeGrowth(&b, f.Growth)
	return b.String()
}

func (f Forwarding) write(b *strings.Builder) {
	fmt.Fprintf(b, `### What one director forwards

UDP datagrams of %d bytes from a client by way of one host to a real server, each after the other, and TCP connections
that are made, answered and closed. The times are what the host in the middle adds: the time by way of it less the
time by a direct wire, medians of %d rounds. Plain routing goes through the same host, measured in turn. For TCP they
are of all packets of a connection that pass the host: of both sides in NAT, of the client in DR and TUN, and so are
those of the routing that each is compared with. "A second" is what one processor of this machine could do if it did
nothing else.

| | | plain routing | NAT | DR | TUN |
|---|---|---|---|---|---|
`, headers+payload, rounds)
	for _, line := range []struct {
		what, each string
		path       func(Way) Path
	}{
		{"a packet of a known connection", "packets", func(w Way) Path { return w.Flow }},
		{"a packet that makes a connection", "connections", func(w Way) Path { return w.New }},
		{"a TCP connection", "connections", func(w Way) Path { return w.TCP }},
	} {
		var plain []time.Duration
		took, ratio, rate := map[string]string{}, map[string]string{}, map[string]string{}
		for _, w := range f.Ways {
			p := line.path(w)
			if p.routed() > 0 {
				plain = append(plain, p.routed())
			}
			took[w.Method], rate[w.Method] = micro(p.balanced()), perSecond(p.balanced())
			ratio[w.Method] = times(p.balanced(), p.routed())
		}
		routing := median(plain)
		row := func(first, second, routed string, cells map[string]string) {
			fmt.Fprintf(b, "| %s | %s | %s", first, second, routed)
			for _, m := range methods() {
				fmt.Fprintf(b, " | %s", orDash(cells[m]))
			}
			b.WriteString(" |\n")
		}
		row(line.what, "takes the host", micro(routing), took)
		row("", "times plain routing", "1.0", ratio)
		row("", line.each+" a second", perSecond(routing), rate)
	}
	f.writeTables(b)
}

func (f Forwarding) writeTables(b *strings.Builder) {
	fmt.Fprintf(b, `
### Connections in the table

A packet of a known connection in DR, as above, while the table has others beside it; %s.
"Kernel" is what all slabs of the kernel have more than with an empty table, for each connection%s.
The processes are director's.

| connections | a packet takes the host | times plain routing | kernel | lvs worker | supervisor |
|---|---|---|---|---|---|
`, hashed(f.TabBits), entry(f.Entry))
	for _, t := range f.Tables {
		each := "-"
		if t.Connections > 0 && t.Slab > 0 {
			each = fmt.Sprintf("%d bytes", t.Slab/int64(t.Connections))
		}
		packet, routed := added(t.Packet, f.Direct), added(f.Routed, f.Direct)
		name := thousands(t.Connections)
		if t.Connections == 0 {
			name = "hardly any"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", name, micro(packet), times(packet, routed), each, mega(t.Worker),
			mega(t.Supervisor))
	}
}

func hashed(bits int) string {
	if bits <= 0 {
		return "the size of its hash is not known"
	}
	return fmt.Sprintf("its hash has %s chains (conn_tab_bits %d)", thousands(1<<bits), bits)
}

func entry(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf("; the entry itself has %d bytes", bytes)
}

// whats are what grows, in the order of the tables, each with what it is measured with.
func whats() (names, notes []string) {
	for _, d := range dimensions() {
		names, notes = append(names, d.what), append(notes, d.note)
	}
	return append(names, peersWhat), append(notes,
		fmt.Sprintf("director's other halves, all with the same %d real servers", peersServers))
}

func writeGrowth(b *strings.Builder, rows []Growth) {
	names, notes := whats()
	fmt.Fprintf(b, `
### At rest

Processor (user and system, over %v, of one processor) and resident memory of each process, %v after everything was
there. keepalived's supervisor is its parent process; it has nothing like peers.
`, growthLength, growthSettle)
	for i, name := range names {
		fmt.Fprintf(b, "\n%s: %s.\n\n| %s | process | keepalived | | director | |\n|---|---|---|---|---|---|\n",
			strings.ToUpper(name[:1])+name[1:], notes[i], name)
		theirs, ours := sizesOf(rows, name, "keepalived"), sizesOf(rows, name, "director")
		for _, row := range ours {
			title := thousands(row.Size)
			for _, p := range row.Processes {
				other := Growth{}
				if n := slices.IndexFunc(theirs, func(g Growth) bool { return g.Size == row.Size }); n >= 0 {
					other = theirs[n]
				}
				cells := "- | -"
				if q, ok := other.process(p.Name); ok {
					cells = share(q.CPU) + " | " + mega(q.RSS)
				}
				fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", title, p.Name, cells, share(p.CPU), mega(p.RSS))
				title = ""
			}
		}
	}
	writeLimits(b, rows)
}

func writeLimits(b *strings.Builder, rows []Growth) {
	b.WriteString(`
### What one more takes, and where that ends

From the smallest to the largest of the sizes above: processor for a thousand more, memory for one more, and at which
size a process of director would use one processor of this machine all the time, or 1 GB, if it went on like that. In
bold what comes first of a kind. "-" is too little to be measured.

| of | process | keepalived: processor | memory | director: processor | memory | a processor is full at | 1 GB at |
|---|---|---|---|---|---|---|---|
`)
	names, _ := whats()
	for _, name := range names {
		theirs, ours := sizesOf(rows, name, "keepalived"), sizesOf(rows, name, "director")
		nearest := 0
		for _, p := range processNames() {
			if _, e, _ := grows(ours, p); e.first() > 0 && (nearest == 0 || e.first() < nearest) {
				nearest = e.first()
			}
		}
		title := name
		for _, p := range processNames() {
			s, e, ok := grows(ours, p)
			k, _, _ := grows(theirs, p)
			if !ok || s == (slope{}) && k == (slope{}) {
				continue
			}
			ends := [2]string{size(e.Processor, nearest), size(e.Memory, nearest)}
			if name == peersWhat {
				ends[0] = fmt.Sprintf("%d at most", front.MaxPeers)
				ends[1] = ends[0]
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title, p, perThousand(k.CPU), kilo(k.Memory),
				perThousand(s.CPU), kilo(s.Memory), ends[0], ends[1])
			title = ""
		}
	}
}

func size(n, nearest int) string {
	switch n {
	case 0:
		return "-"
	case nearest:
		return "**" + thousands(n) + "**"
	}
	return thousands(n)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func micro(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func perSecond(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return thousands(int(time.Second / d))
}

func times(a, b time.Duration) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func mega(bytes int64) string {
	if bytes <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
}

func kilo(bytes float64) string {
	if bytes <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f KB", bytes/(1<<10))
}

func share(cpu float64) string { return fmt.Sprintf("%.1f %%", 100*cpu) }

func perThousand(cpu float64) string {
	if cpu <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*1000*cpu)
}
