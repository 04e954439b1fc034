package vmac_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/vmac"
)

// TestTheJournalOfTheFormerReleaseIsRead: what version 9b4dd5e has written.
func TestTheJournalOfTheFormerReleaseIsRead(t *testing.T) {
	v, ok := vmac.ParseJournal("macvlan vrrp.51 eth0 00:00:5e:00:01:33 0")
	want := link.VMAC{Name: "vrrp.51", Parent: "eth0", MAC: link.HardwareAddress{0, 0, 0x5e, 0, 1, 0x33}}
	if !ok || v != want {
		t.Errorf("read as %+v, %v, want %+v", v, ok, want)
	}
	for _, text := range []string{"", "macvlan vrrp.51 eth0 00:00:5e 0", "setting eth0 arp_ignore 0",
		"address eth0 10.0.0.1/32"} {
		if v, ok := vmac.ParseJournal(text); ok {
			t.Errorf("%q is read as %+v", text, v)
		}
	}
}

// TestARepairThatDoesNotHelpIsMadeEverLessOften: an interface that does not
// come up, whatever is done about it, costs nobody a processor, and is told.
func TestARepairThatDoesNotHelpIsMadeEverLessOften(t *testing.T) {
	s := vmac.NewSet(nil)
	mac := link.HardwareAddress{0, 0, 0x5e, 0, 1, 0x33}
	k := vmac.Key{Parent: "eth0", MAC: mac}
	s.Want(map[vmac.Key]link.VMAC{k: {Name: "vrrp.51", Parent: "eth0", MAC: mac}}, true, false)
	s.Next()
	now := time.Unix(1_000_000_000, 0)
	s.Done(nil, now)
	repairs := 0
	for range 10 * 60 * 50 { // ten minutes, 50 events a second
		now = now.Add(20 * time.Millisecond)
		s.Repair(s.Of(k), now)
		if _, ok := s.Next(); ok {
			repairs++
			s.Done(nil, now)
		}
	}
	if repairs < 10 || repairs > 40 {
		t.Errorf("%d repairs in ten minutes, want about one every 30 s", repairs)
	}
	if p := s.Problems(now); len(p) != 1 || p[0].Kind != event.Contested || p[0].Times < 10 {
		t.Errorf("problems %v, want one with the number of repairs", p)
	}
	if p := s.Problems(now.Add(5 * time.Minute)); len(p) != 0 {
		t.Errorf("problems %v long after the last repair", p)
	}
}
