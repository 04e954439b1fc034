package hostcheck

import (
	"fmt"

	"github.com/lvs-director/director/conf"
)

// held says which virtual servers have this host as a real server, so that they stand in
// the table only while it holds their address, or cannot.
func (c *hostCheck) held() {
	holders := c.cfg.Holders()
	for _, v := range c.cfg.VirtualServers {
		if v.OnlyOnMaster != conf.Unset {
			continue
		}
		for _, key := range v.Services {
			list := holders.Of(v, key)
			a, ok := holders.Director(v, nil, c.has)
			switch {
			case !ok:
				continue
			case len(list) > 0:
				c.say(conf.Note, v, "virtual_server", "only-on-master", "only_on_master false has it there always",
					fmt.Sprintf("%s: its real server %s is this host: it is in the IPVS table only while this host is MASTER of %s",
						v, a, list[0].Name))
			case len(c.cfg.Instances) > 0:
				c.say(conf.Warning, v, "virtual_server", "only-on-master", "only_on_master INSTANCE has it in the table only "+
					"while this host is MASTER of the instance",
					fmt.Sprintf("%s: its real server %s is this host, and no vrrp_instance is known to have its address: what "+
						"another director passes to this one may be passed on again", v, a))
			}
			break
		}
	}
}
