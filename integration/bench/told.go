//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	// toldSteady virtual routers advertise at toldInterval, and nothing happens to them.
	toldSteady   = 10
	toldInterval = 10 * time.Millisecond
	// toldChanging virtual routers change between BACKUP and FAULT with toldFiles files, all of a file at once.
	toldChanging = 250
	toldFiles    = 10
	toldLength   = time.Minute
	toldRest     = 30 * time.Second
	toldTotal    = 10_000
	// toldAfter is how long whatever waits has after the last transition: director's mails of a storm are a minute
	// apart at most.
	toldAfter = 70 * time.Second
)

// toldRow is what became of toldTotal transitions.
type toldRow struct {
	Kind, Listeners                       string
	Told                                  told
	Rest, Busy                            []time.Duration // lateness of advertisements: median, 99.9 %, most
	RestWaited, BusyWaited                time.Duration   // for a processor, by the lab, meanwhile
	Failovers                             int
	VRRPBefore, VRRPMost                  int64 // bytes resident
	ParentBefore, ParentMost, ParentAfter int64
}

// The listeners.
const (
	toldQuick = "keep up"
	toldSlow  = "do not answer"
)

func measureTold(int) (rows []toldRow, err error) {
	for _, run := range []struct {
		kind      pair.Kind
		listeners string
	}{{stage.Keepalived(), toldQuick}, {stage.Director(), toldQuick}, {stage.Director(), toldSlow}} {
		row, failed := measureTelling(run.kind, run.listeners)
		if failed == nil {
			rows = append(rows, row)
		}
		err = errors.Join(err, failed)
	}
	return rows, err
}

func measureTelling(kind pair.Kind, listeners string) (row toldRow, err error) {
	row = toldRow{Kind: kind.Name(), Listeners: listeners}
	if k, ok := kind.(pair.Keepalived); ok {
		k.Terse = true
		kind = k
	}
	ok := stage.Play("bench-told-"+kind.Name(), func(t lab.Reporter) {
		l := lab.New(t)
		var hosts [2]*lab.Host
		steady := l.Network("steady")
		for i := range hosts {
			hosts[i] = l.Host(fmt.Sprintf("node%d", i+1))
			hosts[i].Attach(steady, "eth0", fmt.Sprintf("192.168.0.%d/24", i+1))
		}
		h := hosts[0]
		h.Attach(l.Network("changing"), "eth1", "192.168.1.1/24")
		listening := listen(t, h, listeners == toldQuick)
		for n := range toldFiles {
			h.WriteFile(fmt.Sprintf("file%d", n), "0\n")
		}
		d := pair.Start(t, kind, h, toldConfig(h, 200))
		// The kernel has an address once its instance is MASTER.
		l.Until(settleLimit, "the better node is master", func() bool {
			return len(h.Addresses("eth0")) >= 1+toldSteady
		})
		pair.Start(t, kind, hosts[1], toldConfig(hosts[1], 100))
		time.Sleep(3 * time.Second)
		capture := hosts[1].Capture("eth0")

		began := time.Now()
		time.Sleep(toldRest)
		row.RestWaited = l.Starved(began, time.Now())
		row.Rest, _ = lateness(capture, began)
		sample := func() (parent, vrrp int64) {
			p, failed := use(d.Pid)
			v, failed2 := use(d.Worker(pair.VRRP))
			if err := errors.Join(failed, failed2); err != nil {
				t.Fatalf("measure %s: %v", kind.Name(), err)
			}
			return p.RSS, v.RSS
		}
		row.ParentBefore, row.VRRPBefore = sample()
		before := listening.told(h)

		began = time.Now()
		const flips = toldTotal * toldFiles / toldChanging
		for n := range flips {
			text := []string{"1\n", "0\n"}[n/toldFiles%2]
			h.WriteFile(fmt.Sprintf("file%d", n%toldFiles), text)
			time.Sleep(time.Until(began.Add(time.Duration(n+1) * toldLength / flips)))
			parent, vrrp := sample()
			row.ParentMost, row.VRRPMost = max(row.ParentMost, parent), max(row.VRRPMost, vrrp)
		}
		row.BusyWaited = l.Starved(began, time.Now())
		row.Busy, row.Failovers = lateness(capture, began)
		for end := time.Now().Add(toldAfter); time.Now().Before(end) && !listening.told(h).since(before).isAll(); {
			time.Sleep(100 * time.Millisecond)
			parent, vrrp := sample()
			row.ParentMost, row.VRRPMost = max(row.ParentMost, parent), max(row.VRRPMost, vrrp)
		}
		row.ParentAfter, _ = sample()
		row.Told = listening.told(h).since(before)
		fmt.Printf("  %-10s listeners that %s: %+v; late %v at rest, %v busy; %d failovers\n", row.Kind, listeners, row.Told,
			row.Rest, row.Busy, row.Failovers)
		fmt.Printf("  %-10s the lab waited for %v and %v\n", "", row.RestWaited, row.BusyWaited)
		fmt.Printf("  %-10s resident %s, at most %s, then %s; VRRP %s, at most %s\n", "", megabytes(row.ParentBefore),
			megabytes(row.ParentMost), megabytes(row.ParentAfter), megabytes(row.VRRPBefore), megabytes(row.VRRPMost))
	})
	if !ok {
		return row, fmt.Errorf("the measurement of what %s tells failed", kind.Name())
	}
	return row, nil
}

// lateness is how much later than an interval after the one before the advertisements of the first host came, and
// how many virtual routers the other host has taken.
func lateness(c *lab.Capture, since time.Time) (late []time.Duration, failovers int) {
	last := make(map[int]time.Time)
	taken := make(map[int]bool)
	var all []time.Duration
	for _, a := range pair.Advertisements(c, since) {
		if a.Outgoing {
			taken[a.VRID] = true
			continue
		}
		if before, ok := last[a.VRID]; ok {
			all = append(all, max(a.Time.Sub(before)-toldInterval, 0))
		}
		last[a.VRID] = a.Time
	}
	slices.Sort(all)
	if len(all) == 0 {
		return nil, len(taken)
	}
	at := func(share float64) time.Duration {
		return all[min(int(math.Ceil(share*float64(len(all)))), len(all)-1)]
	}
	return []time.Duration{at(0.5), at(0.999), at(1)}, len(taken)
}

// toldConfig is a configuration of both kinds of virtual router; the second host has only the steady ones.
func toldConfig(h *lab.Host, priority int) string {
	var b strings.Builder
	at := func(name string) string { return filepath.Join(h.Dir(), name) }
	fmt.Fprintf(&b, "global_defs {\n    router_id told\n    script_user root\n    vrrp_garp_master_repeat 1\n")
	if priority == 200 {
		fmt.Fprintf(&b, "    notification_email {\n        ops@example.org\n    }\n"+
			"    notification_email_from lb@example.org\n    smtp_server 127.0.0.1 25\n"+
			"    smtp_connect_timeout 10\n    vrrp_notify_fifo %s\n", at("fifo"))
	}
	b.WriteString("}\n")
	instance := func(name, iface string, vrid int, interval time.Duration, address, more string) {
		fmt.Fprintf(&b, "vrrp_instance %s {\n    state BACKUP\n    interface %s\n    virtual_router_id %d\n    version 3\n"+
			"    priority %d\n    advert_int %g\n    virtual_ipaddress {\n        %s\n    }\n%s}\n", name, iface, vrid, priority,
			interval.Seconds(), address, more)
	}
	for i := range toldSteady {
		instance(fmt.Sprintf("S_%d", i), "eth0", i+1, toldInterval, fmt.Sprintf("10.0.0.%d/32", i+1), "")
	}
	if priority != 200 {
		return b.String()
	}
	for n := range toldFiles {
		fmt.Fprintf(&b, "vrrp_track_file file%d {\n    file %s\n    weight 0\n}\n", n, at(fmt.Sprintf("file%d", n)))
	}
	for i := range toldChanging {
		// Nobody else has them: they stay BACKUP for two minutes and more.
		instance(fmt.Sprintf("C_%d", i), "eth1", i+1, 40*time.Second, fmt.Sprintf("10.1.0.%d/32", i+1),
			fmt.Sprintf("    track_file {\n        file%d\n    }\n    notify %s\n    smtp_alert\n", i%toldFiles, at("told.sh")))
	}
	return b.String()
}

func toldSection(rows []toldRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Telling of ten thousand transitions

%d virtual routers change %d times in %v between BACKUP and FAULT, %d at the same moment, and each change is
told to a script, a FIFO and by mail. Beside them %d others advertise every %v. Late is how much more than the
interval passed between two of their advertisements (median, 99.9 %%, most), in %v without changes and while all
changes; in brackets how long the lab was waiting for a processor meanwhile. Failovers are how many of them the
other node took. Told is counted %v after the last change, or when all is told. Listeners that do not answer are
scripts that run for a minute, a FIFO without a reader and a mail server that takes the connection and says
nothing. The memory is resident: of the process that does VRRP and of its parent, before, at most, and at the end.

| | keepalived | director | director, listeners do not answer |
|---|---|---|---|
`, toldChanging, toldTotal, toldLength, toldChanging/toldFiles, toldSteady, toldInterval, toldRest, toldAfter)
	late := func(values []time.Duration, waited time.Duration) string {
		if len(values) != 3 {
			return "not measured"
		}
		return fmt.Sprintf("%s, %s, %s (%v)", milliseconds(values[0]), milliseconds(values[1]), milliseconds(values[2]),
			waited.Round(100*time.Millisecond))
	}
	for _, line := range []struct {
		what string
		cell func(toldRow) string
	}{
		{"told to scripts", func(r toldRow) string { return fmt.Sprint(r.Told.Scripts) }},
		{"read from the FIFO", func(r toldRow) string { return fmt.Sprint(r.Told.Lines) }},
		{"mailed", func(r toldRow) string { return fmt.Sprintf("%d in %d mails", r.Told.Mailed, r.Told.Mails) }},
		{"late without changes", func(r toldRow) string { return late(r.Rest, r.RestWaited) }},
		{"late while all changes", func(r toldRow) string { return late(r.Busy, r.BusyWaited) }},
		{"failovers", func(r toldRow) string { return fmt.Sprint(r.Failovers) }},
		{"memory of VRRP", func(r toldRow) string {
			return fmt.Sprintf("%s, at most %s", megabytes(r.VRRPBefore), megabytes(r.VRRPMost))
		}},
		{"memory of the parent", func(r toldRow) string {
			return fmt.Sprintf("%s, at most %s, then %s", megabytes(r.ParentBefore), megabytes(r.ParentMost),
				megabytes(r.ParentAfter))
		}},
	} {
		cells := []string{"not measured", "not measured", "not measured"}
		for _, r := range rows {
			switch {
			case r.Kind == "keepalived":
				cells[0] = line.cell(r)
			case r.Listeners == toldQuick:
				cells[1] = line.cell(r)
			default:
				cells[2] = line.cell(r)
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", line.what, strings.Join(cells, " | "))
	}
	return b.String()
}
