package keyword

// blocksOf tells, for each keyword, the blocks it belongs in, for those who
// wrote it in another.
var blocksOf map[string][]string

func init() {
	blocksOf = map[string][]string{}
	add := func(where string, names []string) {
		for _, name := range names {
			if len(blocksOf[name]) < 3 {
				blocksOf[name] = append(blocksOf[name], where)
			}
		}
	}
	add(Root.where(), Root.names())
	add(Global.where(), Global.names())
	add(Instance.where(), Instance.names())
	add(Auth.where(), Auth.names())
	add(Group.where(), Group.names())
	add(Script.where(), Script.names())
	add(Server.where(), Server.names())
	add(Real.where(), Real.names())
	for _, kind := range checkKinds {
		add(Checkers[kind].where(), Checkers[kind].names())
	}
	add(URL.where(), URL.names())
}
