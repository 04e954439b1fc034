package vmac

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/vrrp/link"
)

const (
	interfaceWord = "macvlan"
	ipvlanWord    = "ipvlan"
	settingWord   = "setting"
)

// journalKey is an interface in the words of the journal.
func journalKey(v link.VMAC) string {
	if v.IPVLAN != "" {
		return fmt.Sprintf("%s %s %s %s %d", ipvlanWord, v.Name, v.Parent, v.IPVLAN, v.Group)
	}
	return fmt.Sprintf("%s %s %s %s %d", interfaceWord, v.Name, v.Parent, v.MAC, v.Group)
}

// ParseJournal reads an interface of the journal. ok is false for keys of
// other things.
func ParseJournal(key string) (v link.VMAC, ok bool) {
	f := strings.Fields(key)
	if len(f) != 5 || f[0] != interfaceWord && f[0] != ipvlanWord {
		return link.VMAC{}, false
	}
	group, err := strconv.ParseUint(f[4], 10, 32)
	if err != nil {
		return link.VMAC{}, false
	}
	if f[0] == ipvlanWord {
		return link.VMAC{Name: f[1], Parent: f[2], IPVLAN: f[3], Group: uint32(group)}, true
	}
	mac, err := net.ParseMAC(f[3])
	if err != nil || len(mac) != 6 {
		return link.VMAC{}, false
	}
	return link.VMAC{Name: f[1], Parent: f[2], MAC: link.HardwareAddress(mac), Group: uint32(group)}, true
}

// setting is one of an interface's, net.ipv4.conf.DEVICE.NAME.
type setting struct{ device, name string }

func (s setting) journalKey(old int) string {
	return fmt.Sprintf("%s %s %s %d", settingWord, s.device, s.name, old)
}

func parseSetting(key string) (s setting, old int, ok bool) {
	f := strings.Fields(key)
	if len(f) != 4 || f[0] != settingWord {
		return s, 0, false
	}
	old, err := strconv.Atoi(f[3])
	known := slices.ContainsFunc(parentSettings, func(p parentSetting) bool { return p.name == f[2] })
	return setting{f[1], f[2]}, old, err == nil && known
}
