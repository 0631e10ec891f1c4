/** The completion scripts: each asks `millrace __complete` for the words that may stand at the cursor. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion of millrace
_millrace() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" words
  words="$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)"
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    if [[ "$word" == ":files" ]]; then compopt -o default; COMPREPLY=(); return; fi
    [[ -n "$word" && "$word" == "$cur"* ]] && COMPREPLY+=("$word")
  done <<< "$words"
}
complete -F _millrace millrace
`,
  zsh: `#compdef millrace
_millrace() {
  local -a found
  local line
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then _files; return; fi
    [[ -n "$line" ]] && found+=("\${line//$'\\t'/:}")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe 'millrace' found
}
if [[ "$funcstack[1]" == "_millrace" ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`,
  fish: `# fish completion of millrace
function __millrace_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c millrace -f -a '(__millrace_complete)'
`,
};
