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

function __convcli_arrays -d 'Files that hold arrays, their members, and directories'
    __convcli_files '@ENDINGS@' '@ARCHIVES@'
end

function __convcli_filters -d 'Files that hold arrays or models, their members, and directories'
    __convcli_files '@ENDINGS@|@MODELS@' '@ARCHIVES@|@MODELS@'
end

function __convcli_files -d 'ENDINGS ENDINGS: files, or of one of the second its members'
    set -l typed (string replace -r -- '^(--[^=]+=|-[^-])' '' (commandline -ct))
    if string match -qri -- "\.(?:$argv[2])::" $typed # the one case in which Python is started
        set -l program (string replace -r -- '^~/' ~/ (commandline -opc)[1])
        set -l start (string split -m 1 -- :: $typed)[1]
        set -l file (string replace -r -- '^~/' ~/ (string unescape -- $start))
        for line in ($program run --list-kernels -k $file --format plain </dev/null 2>/dev/null)
            printf '%s::%s\n' $start $line
        end
        return
    end
    complete -C "__convcli_no_command $typed" |
        string match -ri -- "^.*(?:/|\.(?:$argv[1]))\$"
end

complete -c convcli -f
@LINES@
