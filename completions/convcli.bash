# bash completion for convcli; completions/generate.py writes it from its template.

_convcli_options() { # COMMAND: its options by all names; = takes a value, =* more than once
    case $1 in
        '') options=(
            '-V --version'
            '--completion ='
            '-h --help'
        ) ;;
        'shape') options=(
            '-n --size ='
            '-f --filter ='
            '-p --padding ='
            '-s --stride ='
            '-d --dilation ='
            '--dims ='
            '--transposed'
            '--output-padding ='
            '--pool ='
            '--ceil'
            '-c --channels ='
            '-g --groups ='
            '--no-bias'
            '-l --layer =*'
            '--layers ='
            '--list-networks'
            '--all'
            '--solve ='
            '--out ='
            '--explain'
            '--animate'
            '--frame ='
            '-o --output ='
            '--format ='
            '--fields ='
            '--color ='
            '-h --help'
        ) ;;
        'run') options=(
            '-k --kernel ='
            '--list-kernels'
            '--seed ='
            '--layout ='
            '--bias ='
            '--dtype ='
            '-f --filter ='
            '-p --padding ='
            '--pad-mode ='
            '-s --stride ='
            '-d --dilation ='
            '--flip'
            '--dims ='
            '--transposed'
            '--output-padding ='
            '--pool ='
            '--ceil'
            '-c --channels ='
            '-g --groups ='
            '--no-bias'
            '--device ='
            '--engine ='
            '--method ='
            '--tf32'
            '--threads ='
            '--memory ='
            '--workers ='
            '--scheduler ='
            '-o --output ='
            '--chunks ='
            '--resume'
            '--overwrite'
            '--output-format ='
            '--scale ='
            '--format ='
            '-q --quiet'
            '-v --verbose'
            '--explain'
            '--animate'
            '--frame ='
            '--plot'
            '--verify'
            '--time ='
            '--color ='
            '-h --help'
        ) ;;
    esac
}

_convcli_values() { # COMMAND OPTION, or COMMAND for its arguments: what it can be
    case $* in
        '') words=(shape run) ;;
        ' --completion') words=(bash zsh fish powershell) ;;
        'shape') words=(alexnet c3d convnext_tiny densenet121 efficientnet_b0 googlenet inception_v3 lenet5 mobilenet_v1 mobilenet_v2 resnet101 resnet152 resnet18 resnet34 resnet50 squeezenet1_1 unet vgg11 vgg16 vgg19 wavenet) files=any ;;
        'shape --padding') words=(valid same same-lower full causal) ;;
        'shape --dims') words=(1 2 3) ;;
        'shape --pool') words=(max avg) ;;
        'shape --layers') files=any ;;
        'shape --solve') words=(n f p s) ;;
        'shape --output') files=any ;;
        'shape --format') words=(table plain json csv) ;;
        'shape --fields') words=(kind name layer input filter stride padding dilation output_padding ceil_mode output channels_in channels_out groups bias parameters macs flops receptive_field jump effective_padding unread unread_end effective_filter field_exact) ;;
        'shape --color') words=(auto always never) ;;
        'run') words=(rand: randn: arange: ones: zeros:) files=arrays ;;
        'run --kernel') words=(identity box gaussian sobel-x sobel-y scharr-x scharr-y prewitt-x prewitt-y laplacian log sharpen emboss sobel scharr prewitt rand: randn: arange: ones: zeros:) files=filters ;;
        'run --layout') words=(HW CHW HWC NCHW NHWC W CW NCW DHW CDHW NCDHW) ;;
        'run --bias') files=arrays ;;
        'run --dtype') words=(float16 float32 float64 complex64 complex128 uint8 int8 uint16 int16 uint32 int32 uint64 int64) ;;
        'run --padding') words=(valid same same-lower full causal) ;;
        'run --pad-mode') words=(zeros reflect symmetric replicate circular constant grid-constant mirror grid-mirror scipy-reflect edge nearest wrap grid-wrap) ;;
        'run --dims') words=(1 2 3) ;;
        'run --pool') words=(max avg) ;;
        'run --device') words=(cpu auto cuda mps xpu) ;;
        'run --engine') words=(auto numpy torch) ;;
        'run --method') words=(auto gemm separable fft opencv opencv-separable opencv-fft shift max conv fold) ;;
        'run --output') files=any ;;
        'run --output-format') words=(npy npz csv tsv txt png jpg jpeg bmp gif tif tiff webp ppm pgm) ;;
        'run --scale') words=(clip minmax abs signed) ;;
        'run --format') words=(table plain json) ;;
        'run --color') words=(auto always never) ;;
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
    [[ ${file,,} =~ \.(npz|pt|pth|safetensors|zarr)$ || $files == filters && ${file,,} =~ \.(onnx|pt2)$ ]] || return
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
            if [[ $files == any || ${word,,} =~ \.(npy|bmp|csv|gif|jpeg|jpg|npz|pgm|png|ppm|pt|pth|safetensors|tif|tiff|tsv|txt|webp|zarr)$ || -d ${word/#\~\//$HOME/} ||
                $files == filters && ${word,,} =~ \.(onnx|pt2)$ ]]; then
                COMPREPLY+=("$prefix$word")
            fi
        done < <(compgen -f -- "${cur//\\/}")
    fi
    COMPREPLY=("${COMPREPLY[@]#"$glued"}")
}

complete -F _convcli convcli
