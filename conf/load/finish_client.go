package load

import (
	"hash/fnv"

	"github.com/lvs-director/director/conf"
)

// finishClients gives the checks as_client their destination and their marks. A mark depends on the
// virtual server and the real server, not on their places in the file: a reload that adds others
// leaves it alone.
func (l *loader) finishClients() {
	used := map[uint32]bool{}
	use := func(mark uint32) {
		if conf.IsCheckMark(mark) {
			used[mark] = true
		}
	}
	any := false
	for _, v := range l.Config.VirtualServers {
		use(v.Key.FWMark)
		if v.Match != nil {
			use(v.Match.Mark)
		}
		for _, k := range v.Services {
			use(k.FWMark)
		}
		for _, r := range v.RealServers {
			for i := range r.Checkers {
				c := &r.Checkers[i]
				c.AsClient = c.AsClient && l.canBeClient(v, r, c)
				if c.AsClient {
					any = true
				} else {
					use(c.FWMark)
				}
			}
		}
	}
	if !any {
		return
	}
	for _, v := range l.Config.VirtualServers {
		for _, r := range v.RealServers {
			var mark uint32
			for i := range r.Checkers {
				if c := &r.Checkers[i]; c.AsClient {
					if mark == 0 {
						mark = checkMark(v, r, used)
					}
					c.FWMark, c.Server = mark, r.Key.Address
				}
			}
		}
	}
}

// checkMark is a mark that is not used.
func checkMark(v *conf.VirtualServer, r *conf.RealServer, used map[uint32]bool) uint32 {
	h := fnv.New32a()
	id := v.ServerID(r)
	h.Write([]byte(v.String() + " " + id.Server.String()))
	const room = conf.LastCheckMark - conf.FirstCheckMark + 1
	mark := conf.FirstCheckMark + h.Sum32()%room
	for used[mark] {
		mark = conf.FirstCheckMark + (mark-conf.FirstCheckMark+1)%room
	}
	used[mark] = true
	return mark
}

// canBeClient says what a check as_client lacks, and finds its destination.
func (l *loader) canBeClient(v *conf.VirtualServer, r *conf.RealServer, c *conf.Checker) bool {
	has := l.Sources.Of(c).Has
	refuse := func(why, hint string) bool {
		l.warnAtKeyword(c, "as_client", "as-client",
			"as_client is ignored, the real server is checked at its own address: %s", why).Hint = hint
		return false
	}
	if r.Forward.Rewrites() {
		return refuse("it is for DR and TUN, and the real server has "+r.Forward.String(), "")
	}
	if has("fwmark") {
		l.warnAtKeyword(c, "fwmark", "as-client", "fwmark is ignored: as_client sets a mark of its own")
	}
	if !has("connect_ip") {
		if len(v.Services) == 0 || !v.Services[0].Address.IsValid() {
			return refuse("virtual server "+v.String()+" has no address", "set connect_ip to the virtual address")
		}
		c.ConnectIP = v.Services[0].Address
	}
	if !has("connect_port") && len(v.Services) > 0 && v.Services[0].Port != 0 {
		c.ConnectPort = v.Services[0].Port
	}
	return true
}
