package load

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// notes are about what is written well and does something else than its writer
// may think. keepalived says nothing of it.
func (l *loader) notes() {
	l.sharedAddresses()
	l.mailNotes()
	for _, in := range l.Config.Instances {
		l.uselessWeights(in)
	}
	for _, p := range l.Config.Processes {
		if p.FullCommand && len(p.Argv) == 1 && strings.ContainsAny(p.Argv[0], " \t") {
			f := l.warnAtKeyword(p, "process", "one-word", "%q is one word: no process has a command line that begins with it",
				value.Clip(conf.MaskCommand(p.Argv[0])))
			f.Severity, f.Hint = conf.Note, "leave out the quotes"
		}
	}
}

// sharedAddresses finds addresses that two instances bring up: whichever is
// MASTER last announces it, and whichever stops being MASTER removes it.
func (l *loader) sharedAddresses() {
	type place struct {
		address netip.Addr
		device  string
	}
	first := make(map[place]*conf.Instance)
	for _, in := range l.Config.Instances {
		for _, a := range slices.Concat(in.Addresses, in.ExcludedAddresses) {
			at := place{a.Prefix.Addr(), a.Device}
			switch other := first[at]; {
			case other == nil:
				first[at] = in
			case other != in:
				l.Note(l.Node(in), "shared-address",
					"vrrp_instance %s has the virtual address %s of vrrp_instance %s: when one stops being MASTER the other loses it",
					value.Clip(in.Name), at.address, value.Clip(other.Name)).Hint = "give each address to one instance"
			}
		}
	}
}

// uselessWeights is about nopreempt and trackers with weights: when a tracker
// lowers the priority of the MASTER, a BACKUP with nopreempt leaves it in place.
func (l *loader) uselessWeights(in *conf.Instance) {
	if in.Preempt || in.Priority == 255 {
		return
	}
	weighted := func(t conf.Track) bool { return t.Weight != 0 }
	trackers := slices.Concat(in.TrackScripts, in.TrackFiles, in.TrackProcesses, in.TrackBFDs, in.TrackVirtualServers)
	if slices.ContainsFunc(trackers, weighted) || slices.ContainsFunc(in.TrackInterfaces,
		func(t conf.TrackInterface) bool {
			return t.Weight != 0
		}) {
		f := l.warnAtKeyword(in, "nopreempt", "nopreempt-weight",
			"(%s) a tracker with a weight moves no address while the other router has nopreempt too: it does not take over "+
				"from a MASTER of lower priority", value.Clip(in.Name))
		f.Severity, f.Hint = conf.Note, "track without a weight: a failure is then a FAULT, and the other router takes over"
	}
}
