package conf

import (
	"strconv"
	"strings"
)

// Section is a block of the effective configuration: what was said, what was
// inherited and what is default, all of it. Secrets are masked.
type Section struct {
	Keyword  string    `json:"block"`
	Words    []string  `json:"words,omitempty"`
	From     string    `json:"from,omitempty"` // where the block begins
	Settings []Setting `json:"settings,omitempty"`
	Sections []Section `json:"blocks,omitempty"`
}

// Setting is one line of a Section. In a block of entries the keyword is the
// entry's first word.
type Setting struct {
	Keyword string   `json:"keyword"`
	Words   []string `json:"value,omitempty"`
	// From is FILE:LINE:COL, the place it was inherited from, or "default".
	From string `json:"from"`

	// secret is what is behind a mask, so that changes are seen; it is not shown.
	secret string
}

// entryLine is one line of a block of entries; key finds its source.
type entryLine struct {
	key   string
	words []string
}

// section shows one block. inherited says where a value that was not said
// comes from, "" when it is a default.
func section[T any](c *Config, tb *table[T], t *T, words []string, inherited func(keyword string) string) Section {
	return sectionAt(c, tb, t, t, words, inherited)
}

func sectionAt[T any](c *Config, tb *table[T], key any, t *T, words []string, inherited func(keyword string) string) Section {
	src := c.sources[key]
	s := Section{Keyword: tb.block, Words: words}
	if src != nil && src.pos.IsValid() {
		s.From = src.pos.String()
	}
	from := func(keyword string) string {
		if said, ok := src.find(keyword); ok {
			return said.Pos.String()
		}
		if inherited != nil {
			if f := inherited(keyword); f != "" {
				return f
			}
		}
		return "default"
	}
	for i := range tb.list {
		k := &tb.list[i]
		switch {
		case k.lines != nil:
			lines := k.lines(t)
			if len(lines) == 0 {
				continue
			}
			sub := Section{Keyword: k.name}
			if said, ok := src.find(k.name); ok {
				sub.From = said.Pos.String()
			}
			for _, line := range lines {
				at := sub.From
				if said, ok := src.find(k.name + " " + line.key); ok {
					at = said.Pos.String()
				}
				sub.Settings = append(sub.Settings, Setting{Keyword: line.words[0], Words: line.words[1:], From: at})
			}
			s.Sections = append(s.Sections, sub)
		case k.get != nil:
			value := k.get(t)
			if value == nil {
				continue
			}
			setting := Setting{Keyword: k.name, Words: value, From: from(k.name)}
			if k.raw != nil {
				setting.secret = k.raw(t)
			}
			s.Settings = append(s.Settings, setting)
		}
	}
	return s
}

// Sections gives the effective configuration block by block.
func (c *Config) Sections() []Section {
	top := section(c, rootKeywords, c, nil, nil)
	list := []Section{section(c, globalKeywords, &c.Global, nil, func(keyword string) string {
		if strings.HasPrefix(keyword, "vrrp_garp_master_") || strings.HasPrefix(keyword, "vrrp_garp_lower_") {
			return c.fromGlobalNames("vrrp_min_garp")
		}
		return ""
	})}
	if len(top.Settings) > 0 {
		list = append([]Section{{Settings: top.Settings}}, list...)
	}
	list = append(list, top.Sections...)
	if c.SSL != (SSL{}) {
		list = append(list, section(c, sslBlockKeywords, &c.SSL, nil, nil))
	}
	for i := range c.GARPGroups {
		list = append(list, section(c, garpGroupKeywords, &c.GARPGroups[i], nil, nil))
	}
	for i := range c.TrackGroups {
		list = append(list, section(c, trackGroupKeywords, &c.TrackGroups[i], one(c.TrackGroups[i].Name), nil))
	}
	for _, s := range c.Scripts {
		list = append(list, section(c, scriptKeywords, s, one(s.Name), nil))
	}
	for _, f := range c.Files {
		list = append(list, section(c, fileKeywords, f, one(f.Name), nil))
	}
	for _, p := range c.Processes {
		list = append(list, section(c, processKeywords, p, one(p.Name), nil))
	}
	for _, b := range c.BFDs {
		list = append(list, section(c, bfdKeywords, b, one(b.Name), nil))
	}
	for _, g := range c.SyncGroups {
		list = append(list, section(c, groupKeywords, g, one(g.Name), c.fromGlobal))
	}
	for _, in := range c.Instances {
		list = append(list, c.instanceSection(in))
	}
	for _, g := range c.VirtualServerGroups {
		list = append(list, c.serverGroupSection(g))
	}
	for _, v := range c.VirtualServers {
		list = append(list, c.serverSection(v))
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
func (c *Config) fromGlobal(keyword string) string {
	names := globalNameOf[keyword]
	if names == nil {
		names = []string{"vrrp_" + keyword}
		if strings.HasPrefix(keyword, "garp_") {
			names = append(names, "vrrp_min_garp")
		}
	}
	return c.fromGlobalNames(names...)
}

func (c *Config) fromGlobalNames(names ...string) string {
	for _, name := range names {
		if src, ok := c.sources.find(&c.Global, name); ok {
			return name + " at " + src.Pos.String()
		}
	}
	return ""
}

func (c *Config) instanceSection(in *Instance) Section {
	s := section(c, instanceKeywords, in, one(in.Name), func(keyword string) string {
		if keyword != "mcast_dst_ip" {
			return c.fromGlobal(keyword)
		}
		if in.IPv6 {
			return c.fromGlobalNames("vrrp_mcast_group6")
		}
		return c.fromGlobalNames("vrrp_mcast_group4")
	})
	if in.Auth.Type != NoAuth {
		s.Sections = append(s.Sections, section(c, authKeywords, &in.Auth, nil, nil))
	}
	if in.HMAC != nil {
		h := section(c, hmacKeywords, in.HMAC, nil, nil)
		for _, k := range in.HMAC.Keys {
			value := k.Key.String()
			if k.File != "" {
				value = "file:" + k.File
			}
			from := "default"
			if src, ok := c.sources.find(in.HMAC, "key"); ok {
				from = src.Pos.String()
			}
			h.Settings = append(h.Settings, Setting{Keyword: "key", Words: []string{strconv.Itoa(int(k.ID)), value}, From: from, secret: string(k.Key)})
		}
		s.Sections = append(s.Sections, h)
	}
	return s
}

func (c *Config) serverGroupSection(g *VirtualServerGroup) Section {
	s := Section{Keyword: "virtual_server_group", Words: one(g.Name)}
	if at, ok := c.Place(g); ok {
		s.From = at.String()
	}
	for _, e := range g.Entries {
		words := e.words()
		from := s.From
		if src, ok := c.sources.find(g, "entry "+strings.Join(words, " ")); ok {
			from = src.Pos.String()
		}
		s.Settings = append(s.Settings, Setting{Keyword: words[0], Words: words[1:], From: from})
	}
	return s
}

// words is the entry as the words of a line.
func (e GroupEntry) words() []string {
	if e.FWMark != 0 {
		words := []string{"fwmark", strconv.FormatUint(uint64(e.FWMark), 10)}
		if e.IPv6 {
			words = append(words, "inet6")
		}
		return words
	}
	words := one(e.First.String())
	if e.Last != e.First {
		words[0] += "-" + e.Last.String()
	}
	if e.Port != 0 {
		words = append(words, strconv.Itoa(int(e.Port)))
	}
	return words
}

func (c *Config) serverWords(v *VirtualServer) []string {
	switch {
	case v.Group != "":
		return []string{"group", v.Group}
	case v.Key.FWMark != 0:
		return []string{"fwmark", strconv.FormatUint(uint64(v.Key.FWMark), 10)}
	}
	return []string{v.Key.Address.String(), strconv.Itoa(int(v.Key.Port))}
}

func (c *Config) serverSection(v *VirtualServer) Section {
	s := section(c, serverKeywords, v, c.serverWords(v), c.inherits())
	for _, r := range v.RealServers {
		s.Sections = append(s.Sections, c.realSection(v, r))
	}
	return s
}

// inherits tells where a keyword was said in one of the blocks around.
func (c *Config) inherits(blocks ...any) func(string) string {
	names := []string{"checker", "real_server", "virtual_server"}
	names = names[len(names)-len(blocks):]
	return func(keyword string) string {
		for i, b := range blocks {
			if src, ok := c.sources.find(b, keyword); ok {
				return names[i] + " at " + src.Pos.String()
			}
		}
		switch keyword {
		case "smtp_alert":
			return c.fromGlobalNames("smtp_alert_checker", "smtp_alert")
		case "log_all_failures":
			return c.fromGlobalNames("checker_log_all_failures")
		}
		return ""
	}
}

func (c *Config) realSection(v *VirtualServer, r *RealServer) Section {
	words := []string{r.Key.Address.String(), strconv.Itoa(int(r.Key.Port))}
	s := section(c, realKeywords, r, words, c.inherits(v))
	for i := range r.Checkers {
		s.Sections = append(s.Sections, c.checkerSection(v, r, &r.Checkers[i]))
	}
	return s
}

func (c *Config) checkerSection(v *VirtualServer, r *RealServer, k *Checker) Section {
	inherited := c.inherits(r, v)
	if k.File != nil {
		inherited = func(keyword string) string {
			if keyword == "weight" {
				return "track_file " + k.File.Name
			}
			return c.inherits(r, v)(keyword)
		}
	}
	table := checkerTables[k.Kind]
	if table == nil { // a Config that Load did not make
		return Section{Keyword: string(k.Kind)}
	}
	s := section(c, table, k, nil, inherited)
	if k.HTTP != nil {
		for i := range k.HTTP.URLs {
			s.Sections = append(s.Sections, sectionAt(c, urlKeywords, urlKey{k, i}, &k.HTTP.URLs[i], nil, c.inherits(k, r, v)))
		}
	}
	return s
}
