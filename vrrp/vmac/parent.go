package vmac

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/vrrp/link"
)

type parentSetting struct {
	name string
	// value is what it has to be at least, and ours what it was ever set to by us.
	value int
	ours  []int
}

// parentSettings are what the parent of a virtual MAC interface needs, for
// neighbours to learn no other hardware address for a virtual one (RFC 9568
// section 8.1.2): it answers ARP for its own addresses only (arp_ignore 1), and
// asks with an address of its own as the sender, whatever address it has to
// send from (arp_announce 2; with 1 a virtual address in the network of the
// target would be named). The values are those of the kernel's ip-sysctl.rst.
var parentSettings = []parentSetting{
	{name: "arp_ignore", value: 1, ours: []int{1}},
	{name: "arp_announce", value: 2, ours: []int{1, 2}},
}

// prepareParent gives a parent, and what is beneath one that is a macvlan
// itself, their settings and remembers what they were. They are good to have:
// without them service goes on.
func (w *Worker) prepareParent(v link.VMAC) error {
	if v.IPVLAN != "" {
		return nil // it has the hardware address of its parent
	}
	if lower, err := w.kernel.Beneath(v.Parent); err == nil && lower != "" {
		w.beneath[v.Parent] = lower
		if err := w.prepareOne(lower); err != nil {
			return err
		}
	}
	return w.prepareOne(v.Parent)
}

func (w *Worker) prepareOne(parent string) error {
	for _, p := range parentSettings {
		s := setting{parent, p.name}
		is, err := w.kernel.Setting(parent, p.name)
		if err == nil && is < p.value {
			if _, known := w.old[s]; !known {
				w.claim(s.journalKey(is))
				w.old[s] = is
			}
			err = w.kernel.Set(parent, p.name, p.value)
		}
		if err != nil {
			return fmt.Errorf("neighbours may learn the hardware address of %s for virtual addresses: %w", parent, err)
		}
	}
	return nil
}

// driftedParent names the settings of a parent that are less than they have to be.
func (w *Worker) driftedParent(parent string) (names []string) {
	for _, p := range parentSettings {
		if is, err := w.kernel.Setting(parent, p.name); err == nil && is < p.value {
			names = append(names, "net.ipv4.conf."+parent+"."+p.name)
		}
	}
	return names
}

// restore puts a setting back, unless somebody else has changed it since.
func (w *Worker) restore(s setting, old int) {
	for _, p := range parentSettings {
		is, err := w.kernel.Setting(s.device, s.name)
		if p.name != s.name || err != nil || !slices.Contains(p.ours, is) {
			continue
		}
		if err := w.kernel.Set(s.device, s.name, old); err != nil {
			w.log.Error("failed to restore a setting of an interface", "interface", s.device, "setting", s.name,
				"error", err)
			return
		}
	}
	delete(w.old, s)
	w.release(s.journalKey(old))
}
