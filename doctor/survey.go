package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

// Survey is what was heard of virtual routers on the links of the configuration.
type Survey struct {
	Lasted time.Duration
	Links  []Link  // that were listened on
	Heard  []Heard // each router once
}

// Link is one link, in one family: VRIDs belong to it.
type Link struct {
	Device string
	IPv6   bool
}

// Heard is a router of another host that advertised.
type Heard struct {
	Device   string
	IPv6     bool
	VRID     uint8
	Sender   netip.Addr
	Priority uint8 // of the last advertisement
	Times    int   // advertisements of it
}

func (l Link) String() string {
	if l.IPv6 {
		return l.Device + " (IPv6)"
	}
	return l.Device
}

// surveyed says what other virtual routers do on our links.
func surveyed(d *examination) {
	ours := make(map[Link]map[uint8]*conf.Instance)
	for _, i := range d.Config.Instances {
		l := Link{i.Interface, i.IPv6}
		if ours[l] == nil {
			ours[l] = make(map[uint8]*conf.Instance)
		}
		ours[l][i.VRID] = i
	}
	heard := make(map[Link]map[uint8][]Heard)
	for _, h := range d.Survey.Heard {
		l := Link{h.Device, h.IPv6}
		if heard[l] == nil {
			heard[l] = make(map[uint8][]Heard)
		}
		heard[l][h.VRID] = append(heard[l][h.VRID], h)
	}
	links := make([]Link, 0, len(heard))
	for l := range heard {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Compare(a.String(), b.String()) })
	for _, l := range links {
		d.surveyedLink(l, ours[l], heard[l])
	}
}

func (d *examination) surveyedLink(l Link, ours map[uint8]*conf.Instance, heard map[uint8][]Heard) {
	var foreign []string
	for vrid := 1; vrid <= 255; vrid++ {
		list := heard[uint8(vrid)]
		i := ours[uint8(vrid)]
		switch {
		case i == nil && len(list) > 0:
			foreign = append(foreign, fmt.Sprintf("VRID %d %s", vrid, senders(list)))
		case i != nil && len(masters(list)) > 1:
			d.say(Error, "two-masters", fmt.Sprintf("several routers are MASTER of VRID %d on %s, which is that of %s",
				vrid, l, i.Name), fmt.Sprintf("in %v: %s", d.Survey.Lasted, senders(masters(list))),
				"find out which of them belong to the pair; give the others another VRID, or the pair one of: %s",
				freeVRIDs(ours, heard))
		case i != nil:
			d.besideUs(i, l, masters(list))
		}
	}
	if foreign != nil {
		d.say(Note, "foreign-vrid", "other virtual routers use "+l.String(),
			fmt.Sprintf("in %v: %s", d.Survey.Lasted, strings.Join(foreign, "; ")),
			"nothing needs to be done; VRIDs that nobody was heard to use there: %s", freeVRIDs(ours, heard))
	}
}

// masters are those that went on: one that was heard once may have given up meanwhile.
func masters(list []Heard) []Heard {
	return slices.DeleteFunc(slices.Clone(list), func(h Heard) bool { return h.Times < 2 })
}

// senders are routers in words.
func senders(list []Heard) string {
	texts := make([]string, len(list))
	for n, h := range list {
		texts[n] = fmt.Sprintf("%s with priority %d", h.Sender, h.Priority)
	}
	slices.Sort(texts)
	return "from " + strings.Join(texts, ", ")
}

// freeVRIDs are those that neither the configuration has on a link nor was heard there, as ranges.
func freeVRIDs(ours map[uint8]*conf.Instance, heard map[uint8][]Heard) string {
	var ranges []string
	for vrid := 1; vrid <= 255; vrid++ {
		first := vrid
		for ; vrid <= 255 && ours[uint8(vrid)] == nil && heard[uint8(vrid)] == nil; vrid++ {
		}
		switch last := vrid - 1; {
		case last == first:
			ranges = append(ranges, fmt.Sprint(first))
		case last > first:
			ranges = append(ranges, fmt.Sprintf("%d-%d", first, last))
		}
	}
	return strings.Join(ranges, ", ")
}
