//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// The part measures a takeover of many addresses: how long a router that already advertises as
// MASTER takes to announce each address to its neighbours.
const (
	announceInstances = 64
	announceAddresses = 50 // of each instance, each with a route and a rule
	announceInterval  = time.Second
	announceLimit     = 30 * time.Second
	announceTrials    = 3
)

// announceRow is one takeover.
type announceRow struct {
	Kind string
	// Median and Worst are from an instance's first advertisement to the first
	// gratuitous ARP for an address of it.
	Median, Worst time.Duration
	// ClientMedian and ClientWorst are from the earliest advertisement of any instance. All
	// instances lose their masters at the same moment, so this is what a client waits. Median and
	// Worst do not show the wait of a router that is slow to advertise an instance at all.
	ClientMedian, ClientWorst time.Duration
	// Gap is the longest time between two advertisements of one instance during the takeover.
	Gap     time.Duration
	Missing int // addresses that were not announced in time
}

func measureAnnouncements(trials int) (rows []announceRow, err error) {
	for range min(trials, announceTrials) {
		for _, kind := range kinds() {
			row, failed := measureAnnouncement(kind)
			if failed == nil {
				rows = append(rows, row)
			}
			err = errors.Join(err, failed)
		}
	}
	return rows, err
}

func measureAnnouncement(kind pair.Kind) (row announceRow, err error) {
	if k, ok := kind.(pair.Keepalived); ok {
		k.Terse = true
		kind = k
	}
	row.Kind = kind.Name()
	ok := stage.Play("bench-announce-"+kind.Name(), func(t lab.Reporter) {
		l := lab.New(t)
		network := l.Network("front")
		watcher, host := l.Host("watcher"), l.Host("node")
		watcher.Attach(network, "eth0", "192.168.0.9/24")
		host.Attach(network, "eth0", "192.168.0.1/24")
		began := time.Now()
		pair.Start(t, kind, host, announceConfig())
		var seen announcements
		for time.Since(began) < announceLimit && len(seen.announced) < announceInstances*announceAddresses {
			time.Sleep(500 * time.Millisecond)
			seen = readAnnouncements(watcher.Capture("eth0").Packets(began))
		}
		seen.figures(&row)
		row.Missing = announceInstances*announceAddresses - len(seen.announced)
		ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
		fmt.Printf("  %-10s median %v, worst %v; from the earliest advertisement %v, %v; longest gap between advertisements "+
			"%v, %d not announced\n", row.Kind, ms(row.Median), ms(row.Worst), ms(row.ClientMedian), ms(row.ClientWorst),
			ms(row.Gap), row.Missing)
	})
	if !ok {
		return row, fmt.Errorf("the measurement of the announcements of %s failed", kind.Name())
	}
	return row, nil
}

// announceConfig is the configuration of all instances. All become MASTER at about the same time,
// since there is no other router.
func announceConfig() string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id many\n    vrrp_garp_master_repeat 1\n    vrrp_garp_master_delay 0\n}\n")
	for v := 1; v <= announceInstances; v++ {
		fmt.Fprintf(&b, `vrrp_instance VI_%d {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id %d
    priority 200
    advert_int %g
`, v, v, announceInterval.Seconds())
		list := func(block, format string) {
			fmt.Fprintf(&b, "    %s {\n", block)
			for n := 1; n <= announceAddresses; n++ {
				fmt.Fprintf(&b, "        "+format+"\n", v, n)
			}
			b.WriteString("    }\n")
		}
		// An advertisement lists only the addresses of virtual_ipaddress, not the excluded ones.
		fmt.Fprintf(&b, "    virtual_ipaddress {\n        10.0.%d.1/32 dev eth0\n    }\n", v)
		fmt.Fprintf(&b, "    virtual_ipaddress_excluded {\n")
		for n := 2; n <= announceAddresses; n++ {
			fmt.Fprintf(&b, "        10.0.%d.%d/32 dev eth0\n", v, n)
		}
		b.WriteString("    }\n")
		list("virtual_routes", "172.16.%d.%d/32 dev eth0")
		list("virtual_rules", "from 10.0.%d.%d/32 lookup 100")
		b.WriteString("}\n")
	}
	return b.String()
}

// announcements are what the watcher has seen.
type announcements struct {
	advertised map[byte][]time.Time     // by virtual router
	announced  map[netip.Addr]time.Time // the first gratuitous ARP
}

func readAnnouncements(packets []lab.Packet) announcements {
	const etherHeader, arpLength, ipHeader, protocolVRRP = 14, 28, 20, 112
	a := announcements{advertised: map[byte][]time.Time{}, announced: map[netip.Addr]time.Time{}}
	for _, p := range packets {
		if len(p.Frame) < etherHeader+arpLength {
			continue
		}
		body := p.Frame[etherHeader:]
		switch binary.BigEndian.Uint16(p.Frame[12:]) {
		case 0x0806:
			sender, target := netip.AddrFrom4([4]byte(body[14:18])), netip.AddrFrom4([4]byte(body[24:28]))
			if _, again := a.announced[sender]; sender == target && isVirtual(sender) && !again {
				a.announced[sender] = p.Time
			}
		case 0x0800:
			if body[9] == protocolVRRP {
				vrid := body[ipHeader+1]
				a.advertised[vrid] = append(a.advertised[vrid], p.Time)
			}
		}
	}
	return a
}

func (a announcements) figures(row *announceRow) {
	var first time.Time
	for _, sent := range a.advertised {
		if first.IsZero() || sent[0].Before(first) {
			first = sent[0]
		}
		for n := range len(sent) - 1 {
			row.Gap = max(row.Gap, sent[n+1].Sub(sent[n]))
		}
	}
	var waits, clients []time.Duration
	for address, at := range a.announced {
		if sent := a.advertised[address.As4()[2]]; len(sent) > 0 {
			waits, clients = append(waits, at.Sub(sent[0])), append(clients, at.Sub(first))
		}
	}
	if len(waits) > 0 {
		row.Median, row.Worst = median(waits), slices.Max(waits)
		row.ClientMedian, row.ClientWorst = median(clients), slices.Max(clients)
	}
}

func announceSection(rows []announceRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## From the advertisement to each address's announcement

%d virtual routers of one router become MASTER at about the same time, each with %d addresses, %[2]d
routes and %[2]d rules. The first two lines are the time from the first advertisement of a virtual router
to the first gratuitous ARP for each of its addresses, both as they arrive at another host. The lines
"from the earliest advertisement" start at the first advertisement of any virtual router: this is what a
client waits when one router takes over everything from another.

| | keepalived | director |
|---|---|---|
`, announceInstances, announceAddresses)
	cells := func(what string, of func(r announceRow) time.Duration) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, kind := range []string{"keepalived", "director"} {
			var values []time.Duration
			for _, r := range rows {
				if r.Kind == kind {
					values = append(values, of(r))
				}
			}
			fmt.Fprintf(&b, " %s |", spread(values))
		}
		b.WriteString("\n")
	}
	cells("median of the addresses", func(r announceRow) time.Duration { return r.Median })
	cells("the last address", func(r announceRow) time.Duration { return r.Worst })
	cells("median, from the earliest advertisement", func(r announceRow) time.Duration { return r.ClientMedian })
	cells("the last address, from the earliest advertisement",
		func(r announceRow) time.Duration { return r.ClientWorst })
	cells("longest gap between advertisements", func(r announceRow) time.Duration { return r.Gap })
	for _, r := range rows {
		if r.Missing > 0 {
			fmt.Fprintf(&b, "\nIn a trial of %s %d addresses were not announced in %v.\n", r.Kind, r.Missing, announceLimit)
		}
	}
	return b.String()
}
