package status

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
)

// unserved has what the configuration in force asks for and what is not done. A
// whole block that was dropped serves nobody.
func (m *maker) unserved() {
	kept := make(map[conf.Pos]bool)
	for _, i := range m.Config.Instances {
		if p, ok := m.Config.Place(i); ok {
			kept[p] = true
		}
	}
	for _, v := range m.Config.VirtualServers {
		if p, ok := m.Config.Place(v); ok {
			kept[p] = true
		}
	}
	for _, f := range m.Findings {
		if f.Code == keyfile.OpenSecret {
			m.problem("", fmt.Sprintf("%s: %s, then director reload (%s)", f.Message, f.Hint, f.Pos))
		}
		if !f.Unserved {
			continue
		}
		text := fmt.Sprintf("not served as configured: %s (%s)", f.Message, f.Pos)
		if len(f.Blocks) > 0 && served[f.Blocks[0].Keyword] && !kept[f.Blocks[0].Pos] {
			m.noService(f.Object(), text)
			continue
		}
		m.problem(f.Object(), text)
	}
}

// served are the blocks that serve clients.
var served = map[string]bool{"virtual_server": true, "vrrp_instance": true}
