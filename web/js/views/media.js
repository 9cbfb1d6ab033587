// Media queries for components.
import { useEffect, useState } from '../../vendor/ui.js';

/** @param {string} query */
export function useMedia(query) {
    const [matches, setMatches] = useState(matchMedia(query).matches);
    useEffect(() => {
        const media = matchMedia(query);
        const onChange = () => setMatches(media.matches);
        media.addEventListener('change', onChange);
        return () => media.removeEventListener('change', onChange);
    }, [query]);
    return matches;
}
