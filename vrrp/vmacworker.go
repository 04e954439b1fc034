package vrrp

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lvs-director/director/vrrp/link"
)

// vmacWork is one hand-over to the vmac worker.
type vmacWork struct {
	ensure []link.VMAC
	// sweep removes all of ours but for keep.
	sweep bool
	keep  map[string]bool
}

type vmacResult struct {
	name string
	err  error
}

// vmacWorker owns the virtual MAC interfaces of this host that are ours, and
// the settings of their parents that we have changed. It runs beside the
// engine, which never waits for it.
type vmacWorker struct {
	kernel  link.VMACs
	journal Journal
	log     *slog.Logger
	turns   turns
	held    map[string]link.VMAC // by name: ours, there or about to be
	old     map[setting]int      // what the settings were before us
}

// setting is one of an interface's, net.ipv4.conf.DEVICE.NAME.
type setting struct{ device, name string }

// parentSettings are the least values that the parent of a virtual MAC
// interface must have, for neighbours to learn no other address for a virtual
// one (RFC 9568 section 8.1.2): it answers ARP for its own addresses only, and
// asks from its own addresses only.
var parentSettings = []struct {
	name  string
	least int
}{{"arp_ignore", 1}, {"arp_announce", 1}}

func newVMACWorker(kernel link.VMACs, journal Journal, held []string, log *slog.Logger, t turns) *vmacWorker {
	w := &vmacWorker{
		kernel: kernel, journal: journal, log: log, turns: t,
		held: make(map[string]link.VMAC), old: make(map[setting]int),
	}
	for _, k := range held {
		if v, ok := parseVMAC(k); ok {
			w.held[v.Name] = v
		}
		if s, value, ok := parseSetting(k); ok {
			w.old[s] = value
		}
	}
	return w
}

const (
	vmacWord    = "macvlan"
	settingWord = "setting"
)

// vmacJournalKey is an interface in the words of the journal.
func vmacJournalKey(v link.VMAC) string {
	return fmt.Sprintf("%s %s %s %s %d", vmacWord, v.Name, v.Parent, v.MAC, v.Group)
}

func parseVMAC(key string) (link.VMAC, bool) {
	f := strings.Fields(key)
	if len(f) != 5 || f[0] != vmacWord {
		return link.VMAC{}, false
	}
	mac, err := net.ParseMAC(f[3])
	group, err2 := strconv.ParseUint(f[4], 10, 32)
	if err != nil || err2 != nil || len(mac) != 6 {
		return link.VMAC{}, false
	}
	return link.VMAC{Name: f[1], Parent: f[2], MAC: link.HardwareAddress(mac), Group: uint32(group)}, true
}

func (s setting) journalKey(old int) string {
	return fmt.Sprintf("%s %s %s %d", settingWord, s.device, s.name, old)
}

func parseSetting(key string) (s setting, old int, ok bool) {
	f := strings.Fields(key)
	if len(f) != 4 || f[0] != settingWord {
		return s, 0, false
	}
	old, err := strconv.Atoi(f[3])
	return setting{f[1], f[2]}, old, err == nil
}

// run works until in is closed.
func (w *vmacWorker) run(in <-chan vmacWork, out chan<- []vmacResult) {
	defer close(out)
	defer w.kernel.Close()
	for work := range in {
		if work.sweep {
			w.sweep(work.keep)
		}
		results := make([]vmacResult, len(work.ensure))
		for n, v := range work.ensure { // each takes milliseconds
			w.turns.each(1, func(int) { results[n] = vmacResult{name: v.Name, err: w.ensure(v)} })
		}
		out <- results
	}
}

// ensure makes an interface, or takes one of ours that is there as it is.
func (w *vmacWorker) ensure(v link.VMAC) error {
	is, err := w.kernel.Find(v.Name)
	was, ours := w.held[v.Name]
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !ours:
		return foreignVMAC(v)
	case is == v && was == v:
		w.settle(v.Parent)
		return w.kernel.Prepare(v)
	default:
		if err := w.remove(v.Name); err != nil {
			return err
		}
		ours = false
	}
	if ours && was != v {
		w.release(vmacJournalKey(was))
	}
	w.claim(vmacJournalKey(v))
	w.held[v.Name] = v
	w.settle(v.Parent)
	if err := w.kernel.Make(v); err != nil {
		delete(w.held, v.Name)
		w.release(vmacJournalKey(v))
		if errors.Is(err, fs.ErrExist) {
			return foreignVMAC(v)
		}
		return err
	}
	if ours {
		w.log.Warn("a virtual MAC interface was gone and has been made again",
			"interface", v.Name, "parent", v.Parent)
	} else {
		w.log.Info("virtual MAC interface made", "interface", v.Name, "parent", v.Parent, "mac", v.MAC.String())
	}
	return nil
}

func foreignVMAC(v link.VMAC) error {
	return fmt.Errorf("interface %s is there and director did not make it: remove it (ip link delete %s), "+
		"or give the virtual MAC interface another name (use_vmac NAME)", v.Name, v.Name)
}

// settle gives a parent its settings and remembers what they were.
func (w *vmacWorker) settle(parent string) {
	for _, p := range parentSettings {
		s := setting{parent, p.name}
		is, err := w.kernel.Setting(parent, p.name)
		if err == nil && is < p.least {
			if _, known := w.old[s]; !known {
				w.claim(s.journalKey(is))
				w.old[s] = is
			}
			err = w.kernel.Set(parent, p.name, p.least)
		}
		if err != nil {
			w.log.Error("neighbours may learn the hardware address of the interface itself for virtual addresses",
				"interface", parent, "error", err)
		}
	}
}

// sweep removes all that is ours but for keep.
func (w *vmacWorker) sweep(keep map[string]bool) {
	var names []string
	parents := make(map[string]bool)
	for name, v := range w.held {
		if keep[name] {
			parents[v.Parent] = true
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w.turns.each(1, func(int) {
			if err := w.remove(name); err != nil {
				w.log.Error("a virtual MAC interface stays where it should not be", "interface", name, "error", err)
			}
		})
	}
	for s, old := range w.old {
		if !parents[s.device] {
			w.restore(s, old)
		}
	}
}

// restore puts a setting back, unless somebody else has changed it since.
func (w *vmacWorker) restore(s setting, old int) {
	for _, p := range parentSettings {
		is, err := w.kernel.Setting(s.device, s.name)
		if p.name != s.name || err != nil || is != p.least {
			continue
		}
		if err := w.kernel.Set(s.device, s.name, old); err != nil {
			w.log.Error("a setting of an interface could not be put back", "interface", s.device, "error", err)
			return
		}
	}
	delete(w.old, s)
	w.release(s.journalKey(old))
}

func (w *vmacWorker) remove(name string) error {
	if err := w.kernel.Remove(name); err != nil {
		return err
	}
	w.release(vmacJournalKey(w.held[name]))
	delete(w.held, name)
	return nil
}

func (w *vmacWorker) claim(key string) {
	if err := w.journal.Claim(key); err != nil {
		w.log.Warn("the journal could not be written: after a crash this would be taken for somebody else's",
			"key", key, "error", err)
	}
}

func (w *vmacWorker) release(key string) {
	if err := w.journal.Release(key); err != nil {
		w.log.Warn("the journal could not be written: after a crash this would be removed, whoever has it then",
			"key", key, "error", err)
	}
}

// sharedJournal lets several workers write a journal.
type sharedJournal struct {
	mu sync.Mutex
	Journal
}

func (j *sharedJournal) Claim(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Claim(keys...)
}

func (j *sharedJournal) Release(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Journal.Release(keys...)
}
