package effective

import (
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Sections gives the effective configuration block by block.
func Sections(c *conf.Config) []keyword.Section {
	top := keyword.Show(c, keyword.Root, c, nil, nil)
	list := []keyword.Section{keyword.Show(c, keyword.Global, &c.Global, nil, func(keyword string) string {
		if strings.HasPrefix(keyword, "vrrp_garp_master_") || strings.HasPrefix(keyword, "vrrp_garp_lower_") {
			return fromGlobalNames(c, "vrrp_min_garp")
		}
		return ""
	})}
	if len(top.Settings) > 0 {
		list = append([]keyword.Section{{Settings: top.Settings}}, list...)
	}
	list = append(list, top.Sections...)
	if c.SSL != (conf.SSL{}) {
		list = append(list, keyword.Show(c, keyword.SSL, &c.SSL, nil, nil))
	}
	if c.Metrics != (conf.Metrics{}) {
		list = append(list, keyword.Show(c, keyword.Metrics, &c.Metrics, nil, nil))
	}
	if c.Web.Said() {
		list = append(list, WebSection(c))
	}
	for _, p := range c.Peers {
		list = append(list, PeerSection(c, p))
	}
	if c.StatusSocket != (conf.StatusSocket{}) {
		list = append(list, keyword.Show(c, keyword.StatusSocket, &c.StatusSocket, nil, nil))
	}
	for i := range c.GARPGroups {
		list = append(list, keyword.Show(c, keyword.GARPGroup, &c.GARPGroups[i], nil, nil))
	}
	list = append(list, Named(c)...)
	for _, in := range c.Instances {
		list = append(list, InstanceSection(c, in))
	}
	for _, g := range c.VirtualServerGroups {
		list = append(list, GroupSection(c, g))
	}
	for _, v := range c.VirtualServers {
		list = append(list, serverSection(c, v))
	}
	return list
}

// WebSection shows the web block.
func WebSection(c *conf.Config) keyword.Section {
	s := keyword.Show(c, keyword.Web, &c.Web, nil, nil)
	if len(c.Web.Actions.Tokens) == 0 {
		return s
	}
	a := keyword.Show(c, keyword.WebActions, &c.Web.Actions, nil, nil)
	for _, t := range c.Web.Actions.Tokens {
		words := []string{"file:" + t.File}
		if t.Name != "" {
			words = append(words, t.Name)
		}
		token := keyword.Setting{Keyword: "token", Words: words, From: "default"}
		if src, ok := c.Source(&c.Web.Actions, "token"); ok {
			token.From, token.Said = src.Pos.String(), src.Pos
		}
		a.Settings = append(a.Settings, token)
	}
	s.Sections = append(s.Sections, a)
	return s
}

// Named are the blocks with a name, but for instances, virtual servers and their groups.
func Named(c *conf.Config) (list []keyword.Section) {
	for i := range c.TrackGroups {
		list = append(list, keyword.Show(c, keyword.TrackGroup, &c.TrackGroups[i], []string{c.TrackGroups[i].Name}, nil))
	}
	for _, s := range c.Scripts {
		list = append(list, keyword.Show(c, keyword.Script, s, []string{s.Name}, nil))
	}
	for _, f := range c.Files {
		list = append(list, keyword.Show(c, keyword.File, f, []string{f.Name}, nil))
	}
	for _, p := range c.Processes {
		list = append(list, keyword.Show(c, keyword.Process, p, []string{p.Name}, nil))
	}
	for _, b := range c.BFDs {
		list = append(list, keyword.Show(c, keyword.BFD, b, []string{b.Name}, nil))
	}
	for _, a := range c.Announces {
		list = append(list, keyword.Show(c, keyword.Announce, a, []string{a.Name}, nil))
	}
	for _, g := range c.SyncGroups {
		list = append(list, keyword.Show(c, keyword.Group, g, []string{g.Name}, func(keyword string) string {
			return fromGlobal(c, keyword)
		}))
	}
	return list
}

// globalNameOf are the keywords of global_defs behind those of instances and
// servers; all others of an instance have vrrp_ before them.
var globalNameOf = map[string][]string{
	"version":                 {"vrrp_version"},
	"strict_mode":             {"vrrp_strict"},
	"v3_checksum_as_v2":       {"v3_checksum_as_v2"},
	"notify_priority_changes": {"vrrp_notify_priority_changes"},
	"log_all_failures":        {"checker_log_all_failures"},
	"no_accept":               {"vrrp_strict"},
	"smtp_alert":              {"smtp_alert_vrrp", "smtp_alert"},
}

// fromGlobal is the place of global_defs that a value was inherited from.
func fromGlobal(c *conf.Config, keyword string) string {
	names := globalNameOf[keyword]
	if names == nil {
		names = []string{"vrrp_" + keyword}
		if strings.HasPrefix(keyword, "garp_") {
			names = append(names, "vrrp_min_garp")
		}
	}
	return fromGlobalNames(c, names...)
}

func fromGlobalNames(c *conf.Config, names ...string) string {
	for _, name := range names {
		if src, ok := c.Source(&c.Global, name); ok {
			return name + " at " + src.Pos.String()
		}
	}
	return ""
}

// InstanceSection shows one vrrp_instance.
func InstanceSection(c *conf.Config, in *conf.Instance) keyword.Section {
	s := keyword.Show(c, keyword.Instance, in, []string{in.Name}, func(keyword string) string {
		if keyword != "mcast_dst_ip" {
			return fromGlobal(c, keyword)
		}
		if in.IPv6 {
			return fromGlobalNames(c, "vrrp_mcast_group6")
		}
		return fromGlobalNames(c, "vrrp_mcast_group4")
	})
	if in.Auth.Type != conf.NoAuth {
		s.Sections = append(s.Sections, keyword.Show(c, keyword.Auth, &in.Auth, nil, nil))
	}
	if in.HMAC != nil {
		h := keyword.Show(c, keyword.HMAC, in.HMAC, nil, nil)
		for _, k := range in.HMAC.Keys {
			value := k.Key.String()
			if k.File != "" {
				value = "file:" + k.File
			}
			key := keyword.Setting{Keyword: "key", Words: []string{strconv.Itoa(int(k.ID)), value}, From: "default",
				Secret: k.Key}
			if src, ok := c.Source(in.HMAC, "key"); ok {
				key.From, key.Said = src.Pos.String(), src.Pos
			}
			h.Settings = append(h.Settings, key)
		}
		s.Sections = append(s.Sections, h)
	}
	return s
}

// GroupSection shows one virtual_server_group.
func GroupSection(c *conf.Config, g *conf.VirtualServerGroup) keyword.Section {
	s := keyword.Section{Keyword: "virtual_server_group", Words: []string{g.Name}}
	if at, ok := c.Place(g); ok {
		s.From = at.String()
	}
	for _, e := range g.Entries {
		words := e.Words()
		entry := keyword.Setting{Keyword: words[0], Words: words[1:], From: s.From}
		if src, ok := c.Source(g, "entry "+strings.Join(words, " ")); ok {
			entry.From, entry.Said = src.Pos.String(), src.Pos
		}
		s.Settings = append(s.Settings, entry)
	}
	return s
}

// PeerSection shows one peer.
func PeerSection(c *conf.Config, p *conf.Peer) keyword.Section {
	return keyword.Show(c, keyword.Peer, p, []string{p.Address.String(), strconv.Itoa(int(p.Port))}, nil)
}

func serverWords(v *conf.VirtualServer) []string {
	switch {
	case v.Group != "":
		return []string{"group", v.Group}
	case v.Match != nil && v.Match.Name != "":
		return []string{"match", v.Match.Name}
	case v.Key.FWMark != 0:
		return []string{"fwmark", strconv.FormatUint(uint64(v.Key.FWMark), 10)}
	}
	return []string{v.Key.Address.String(), strconv.Itoa(int(v.Key.Port))}
}

func serverSection(c *conf.Config, v *conf.VirtualServer) keyword.Section {
	s := keyword.Show(c, keyword.Server, v, serverWords(v), inherits(c))
	for _, r := range v.RealServers {
		s.Sections = append(s.Sections, RealSection(c, v, r))
	}
	return s
}

// inherits tells where a keyword was said in one of the blocks around.
func inherits(c *conf.Config, blocks ...any) func(string) string {
	names := []string{"checker", "real_server", "virtual_server"}
	names = names[len(names)-len(blocks):]
	return func(keyword string) string {
		for i, b := range blocks {
			if src, ok := c.Source(b, keyword); ok {
				return names[i] + " at " + src.Pos.String()
			}
		}
		switch keyword {
		case "smtp_alert":
			return fromGlobalNames(c, "smtp_alert_checker", "smtp_alert")
		case "log_all_failures":
			return fromGlobalNames(c, "checker_log_all_failures")
		}
		return ""
	}
}

// RealSection shows one real_server of a virtual server.
func RealSection(c *conf.Config, v *conf.VirtualServer, r *conf.RealServer) keyword.Section {
	words := []string{r.Key.Address.String(), strconv.Itoa(int(r.Key.Port))}
	s := keyword.Show(c, keyword.Real, r, words, inherits(c, v))
	for i := range r.Checkers {
		s.Sections = append(s.Sections, checkerSection(c, v, r, &r.Checkers[i]))
	}
	return s
}

func checkerSection(c *conf.Config, v *conf.VirtualServer, r *conf.RealServer, k *conf.Checker) keyword.Section {
	inherited := inherits(c, r, v)
	if k.File != nil {
		inherited = func(keyword string) string {
			if keyword == "weight" {
				return "track_file " + k.File.Name
			}
			return inherits(c, r, v)(keyword)
		}
	}
	table := keyword.Checkers[k.Kind]
	if table == nil { // a Config that Load did not make
		return keyword.Section{Keyword: string(k.Kind)}
	}
	s := keyword.Show(c, table, k, nil, inherited)
	if k.HTTP != nil {
		for i := range k.HTTP.URLs {
			s.Sections = append(s.Sections, keyword.ShowAt(c, keyword.URL, keyword.URLKey{Checker: k, Index: i}, &k.HTTP.URLs[i],
				nil, inherits(c, k, r, v)))
		}
	}
	return s
}
