package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Besides the words that are looked at one by one, any value that an object had
// said and no longer says is lost when a new warning stands in the object: a wrong
// letter in a keyword or in its value puts the default in its place. A value that is
// said anew is a wish, unless the warning is about that very line.

// harmless are the words that change neither who is served nor who is told.
var harmless = []string{
	"router_id", "smtp_server", "smtp_helo_name", "smtp_connect_timeout", "notification_email", "notification_email_from",
	"smtp_alert", "smtp_alert_vrrp", "smtp_alert_checker", "email_faults", "vrrp_priority", "checker_priority",
	"bfd_priority", "vrrp_rt_priority", "checker_rt_priority", "bfd_rt_priority", "process_names", "log_unknown_vrids",
	"log_all_failures", "checker_log_all_failures", "max_auto_priority", "use_pid_dir", "tmp_config_directory",
}

// anyWords tells what an object, called of, has lost between two sections.
func (l *losses) anyWords(before, after keyword.Section, of string, at any, kinds ...string) {
	for _, c := range changes(before, after) {
		word := c.Keyword
		if i := strings.LastIndexByte(word, ' '); i >= 0 {
			word = word[i+1:]
		}
		if !c.oldSaid.IsValid() || slices.Contains(harmless, word) {
			continue
		}
		if c.newSaid.IsValid() && !l.warned(c.newSaid) {
			continue
		}
		if f, ok := l.because(at, kinds...); ok && !l.blamed(f) {
			l.list = append(l.list, Loss{Kind: c.Keyword, Object: c.Old, Of: of, Becomes: cmp.Or(c.New, unset), Finding: f})
		}
	}
}

// blamed says whether something was told already that may come of the finding: one
// thing for each is enough.
func (l *losses) blamed(f conf.Finding) bool {
	return slices.ContainsFunc(l.list, func(loss Loss) bool { return loss.Finding.Pos == f.Pos })
}

// warned says whether a new finding is about the line of a place.
func (l *losses) warned(at conf.Pos) bool {
	return slices.ContainsFunc(l.findings, func(f conf.Finding) bool {
		return f.Pos.File == at.File && f.Pos.Line == at.Line
	})
}

// anyOther looks at every object.
func (l *losses) anyOther(before *conf.Config) {
	l.anyWords(keyword.Show(before, keyword.Global, &before.Global, nil, nil),
		keyword.Show(l.after, keyword.Global, &l.after.Global, nil, nil), "global_defs", nil, "global_defs")
	instances := byID(l.after.Instances, (*conf.Instance).ID)
	for _, old := range before.Instances {
		of := "vrrp_instance " + old.Name
		if in := instances[old.ID()]; in != nil {
			l.anyWords(effective.InstanceSection(before, old), effective.InstanceSection(l.after, in), of, in, "vrrp_instance")
		}
	}
	servers := byID(l.after.VirtualServers, (*conf.VirtualServer).ID)
	for _, old := range before.VirtualServers {
		if v := servers[old.ID()]; v != nil && !old.Same(v) {
			l.anyServerWords(before, old, v)
		}
	}
	l.anyNamed(before)
}

func (l *losses) anyServerWords(before *conf.Config, old, v *conf.VirtualServer) {
	l.anyWords(keyword.Show(before, keyword.Server, old, nil, nil), keyword.Show(l.after, keyword.Server, v, nil, nil),
		old.String(), v, "virtual_server")
	kept := byID(v.RealServers, serverKey)
	for _, r := range old.RealServers {
		of := "real server " + r.String() + " of " + old.String()
		if in := kept[r.Key]; in != nil && !r.Same(in) {
			l.anyWords(effective.RealSection(before, old, r), effective.RealSection(l.after, v, in), of, v, "virtual_server")
		}
	}
}

// anyNamed looks at trackers, sync groups and groups of virtual servers.
func (l *losses) anyNamed(before *conf.Config) {
	sections := func(c *conf.Config) map[string]keyword.Section {
		of := make(map[string]keyword.Section)
		for _, s := range effective.Named(c) {
			of[s.Keyword+" "+strings.Join(s.Words, " ")] = s
		}
		for _, g := range c.VirtualServerGroups {
			of["virtual_server_group "+g.Name] = keyword.Section{Keyword: "virtual_server_group",
				Sections: []keyword.Section{effective.GroupSection(c, g)}}
		}
		return of
	}
	olds, news := sections(before), sections(l.after)
	for _, name := range slices.Sorted(maps.Keys(olds)) {
		block := olds[name].Keyword
		if after, ok := news[name]; ok {
			l.anyWords(olds[name], after, name, nil, block)
		} else if f, ok := l.because(nil, block); ok && !l.blamed(f) {
			l.list = append(l.list, Loss{Kind: block, Object: strings.TrimPrefix(name, block+" "), Finding: f})
		}
	}
}
