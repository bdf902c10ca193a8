# bash completion for convcli; @WRITTEN@

_convcli_options() { # COMMAND: its options by all names; = takes a value, =* more than once
    case $1 in
@OPTIONS@
    esac
}

_convcli_values() { # COMMAND OPTION, or COMMAND for its arguments: what it can be
    case $* in
@VALUES@
    esac
}

_convcli_find() { # NAME: set entry to its option, and name to that option's last name
    for entry in "${options[@]}"; do
        name=${entry% =*}
        name=${name##* }
        [[ " $entry " == *" $1 "* ]] && return
    done
    return 1
}

_convcli_add_members() { # PROGRAM: add to COMPREPLY the members of the file before :: in cur
    local file=${cur%%::*} member
    [[ ${file,,} =~ \.(@ARCHIVES@)$ || $files == filters && ${file,,} =~ \.(@MODELS@)$ ]] || return
    file=${file//\\/}
    file=${file/#\~\//$HOME/}
    [[ -e $file ]] || return
    # What is in a file must not be run by the shell: what is special is quoted.
    while IFS=$'\t' read -r member _; do
        printf -v word %q "$member"
        [[ ${COMP_WORDS[COMP_CWORD]} == [\'\"]* && $word != "$member" ]] && continue
        word=${cur%%::*}::$word
        [[ $word == "$cur"* ]] && COMPREPLY+=("$prefix$word")
    done < <("${1/#\~\//$HOME/}" run --list-kernels -k "$file" --format plain </dev/null 2>/dev/null)
}

_convcli() {
    local IFS=$' \t\n' line=$COMP_LINE all=() glued='' prefix='' command='' option='' ended=''
    local given=' ' options=() words=() files='' entry name word i last
    COMPREPLY=()

    # Bash splits at = : and @ as well. Put together what no space parts, up to the cursor. Bash
    # completes only the last part: what stands before it is removed from the answers below.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $line == [[:space:]]* || ${COMP_WORDS[i - 1]} == *[\<\>] ]]; then
            all+=('')
            glued=''
        fi
        last=$((${#all[@]} - 1))
        line=${line#*"$word"}
        if ((i < COMP_CWORD)) || [[ $word == [=:\<\>]* ]]; then
            glued+=$word
        else
            word=$2 # it ends at the cursor, and has no opening quote
            [[ $word == @?* && $glued == *@ ]] && glued=${glued%@} all[last]=${all[last]%@}
        fi
        all[last]+=$word
    done
    local cur=${all[last]}

    _convcli_options ''
    for word in "${all[@]:1:last-1}"; do
        if [[ $option ]]; then
            option='' # this is its value
        elif [[ $word == -- ]]; then
            ended=yes
        elif [[ $word == -?* && ! $ended ]]; then
            [[ $word == --* ]] && i=${word%%=*} || i=${word:0:2}
            _convcli_find "$i" || continue
            given+="$name "
            [[ $entry == *=* && $word == "$i" ]] && option=$name
        elif [[ ! $command ]]; then
            command=$word given=' ' options=()
            _convcli_options "$command"
        fi
    done

    if ((last > 1)) && [[ ${all[last - 1]} == *[\<\>] ]]; then
        files=any # a redirection's
    elif [[ $option ]]; then
        _convcli_values "$command" "$option"
    elif [[ $cur == --*=* && ! $ended ]]; then
        prefix=${cur%%=*}=
        _convcli_find "${prefix%=}" && _convcli_values "$command" "$name"
    elif [[ $cur == -[!-]?* && ! $ended ]]; then
        prefix=${cur:0:2}
        _convcli_find "$prefix" && _convcli_values "$command" "$name"
    else
        [[ $cur == -* && ! $ended ]] || _convcli_values "$command"
        if [[ ! $ended && ($cur == -* || ! $words$files) ]]; then
            for entry in "${options[@]}"; do
                _convcli_find "${entry%% *}"
                [[ $entry != *'*' && $given == *" $name "* ]] || words+=(${entry% =*})
            done
        fi
    fi

    cur=${cur#"$prefix"}
    for word in "${words[@]}"; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$prefix$word")
    done
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]] && compopt -o nospace
    if [[ $files && $files != any && $cur == *::* ]]; then
        _convcli_add_members "$1"
    elif [[ $files ]]; then
        # Where there are words too, Readline must not quote them as it does file names.
        ((${#COMPREPLY[@]})) || compopt -o filenames
        while IFS= read -r word; do
            if [[ $files == any || ${word,,} =~ \.(@ENDINGS@)$ || -d ${word/#\~\//$HOME/} ||
                $files == filters && ${word,,} =~ \.(@MODELS@)$ ]]; then
                COMPREPLY+=("$prefix$word")
            fi
        done < <(compgen -f -- "${cur//\\/}")
    fi
    COMPREPLY=("${COMPREPLY[@]#"$glued"}")
}

complete -F _convcli convcli
