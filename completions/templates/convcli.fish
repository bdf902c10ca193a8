# fish completion for convcli; @WRITTEN@

function __convcli_at -d 'COMMAND [=] NAME...: is it typed, and none of these options given?'
    set -l words (commandline -opc)
    set -e words[1]
    set -l names $argv[2..]
    if test "$names[1]" = "=" # it takes a value: while that is typed, the last word is its name
        contains -- "$words[-1]" $names
        and set -e words[-1]
    end
    set -l command (string match -v -- '-*' $words)[1]
    test "$command" = "$argv[1]"
    or return
    for word in (string replace -r -- '^(--[^=]+)=.*|^(-[^-]).+' '$1$2' $words)
        contains -- $word $names
        and return 1
    end
    return 0
end

function __convcli_arrays -d 'Files that hold arrays, and directories'
    set -l typed (string replace -r -- '^(--[^=]+=|-[^-])' '' (commandline -ct))
    complete -C "__convcli_no_command $typed" |
        string match -ri -- '^.*(?:/|\.(?:@ENDINGS@))$'
end

complete -c convcli -f
@LINES@
